/*
 * podwire-cni: the plugin that a container runtime runs (CNI 1.1). It decides nothing: environment and standard input go to
 * the node's agent on its Unix socket, the answer comes back (src/api/cni-endpoint.ts). src/api/cni-plugin.ts is its twin.
 *
 * Only what needs no agent is answered here: VERSION, what is no configuration, and that there is no agent.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define DEFAULT_SOCKET "/run/podwire/podwire.sock"
#define VERSIONS "[\"0.3.0\",\"0.3.1\",\"0.4.0\",\"1.0.0\",\"1.1.0\"]"
#define LAST_VERSION "1.1.0"

enum {
  /* Codes of the specification. */
  BAD_ENVIRONMENT = 4,
  IO_FAILURE = 5,
  BAD_INPUT = 6,
  TRY_AGAIN = 11,
  UNAVAILABLE = 50,
  /* Bytes of a configuration, of an answer, of a value of the environment. */
  MOST = 1 << 20,
  MOST_VALUE = 2048,
  /* Seconds without a byte from the agent. */
  PATIENCE = 90,
};

static char version[32] = LAST_VERSION;

/* Prints text as the inside of a JSON string. */
static void put_json(const char *text) {
  for (const unsigned char *at = (const unsigned char *)text; *at; at++) {
    if (*at == '"' || *at == '\\') printf("\\%c", *at);
    else if (*at < 0x20) printf("\\u%04x", *at);
    else putchar(*at);
  }
}

/* CNI 1.1, "Error": on standard output. */
static int fail(int code, const char *message, const char *about) {
  printf("{\"cniVersion\":\"%s\",\"code\":%d,\"msg\":\"", version, code);
  put_json(message);
  put_json(about);
  printf("\"}\n");
  return 1;
}

/* Reads to the end, or to `most` bytes; -1 with errno. The text ends with a zero. */
static ssize_t read_all(int fd, char *text, size_t most) {
  size_t length = 0;
  while (length < most) {
    ssize_t got = read(fd, text + length, most - length);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return -1;
    if (got == 0) break;
    length += (size_t)got;
  }
  text[length] = 0;
  return (ssize_t)length;
}

static bool write_all(int fd, const char *text, size_t length) {
  while (length > 0) {
    ssize_t sent = send(fd, text, length, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return false;
    text += sent;
    length -= (size_t)sent;
  }
  return true;
}

/* Behind the string that begins at the quote `at`; NULL: it does not end. */
static const char *skip_string(const char *at) {
  for (at++; *at && *at != '"'; at++)
    if (*at == '\\' && at[1]) at++;
  return *at ? at + 1 : NULL;
}

static const char *skip_blank(const char *at) { return at + strspn(at, " \t\r\n"); }

enum found { NONE, FOUND, UNREADABLE };

/* Copies the value of an object's own text of this name. UNREADABLE: it is no text, too long, or has escapes. */
static enum found find_text(const char *json, const char *name, char *value, size_t room) {
  int depth = 0;
  size_t name_length = strlen(name);
  for (const char *at = json; at && *at;) {
    if (*at == '{' || *at == '[') depth++;
    if (*at == '}' || *at == ']') depth--;
    if (*at != '"') {
      at++;
      continue;
    }
    const char *end = skip_string(at);
    if (!end) return NONE;
    bool named = depth == 1 && (size_t)(end - at) == name_length + 2 && strncmp(at + 1, name, name_length) == 0;
    at = skip_blank(end);
    if (!named || *at != ':') continue;
    at = skip_blank(at + 1);
    if (*at != '"' || !(end = skip_string(at))) return UNREADABLE;
    size_t length = (size_t)(end - at) - 2;
    if (length >= room || memchr(at, '\\', length + 1)) return UNREADABLE;
    memcpy(value, at + 1, length);
    value[length] = 0;
    return FOUND;
  }
  return NONE;
}

/* What begins and ends as one; whether it is JSON is the agent's to say. */
static bool is_object(const char *text, size_t length) {
  while (length > 0 && strchr(" \t\r\n", text[length - 1])) length--;
  return length >= 2 && *skip_blank(text) == '{' && text[length - 1] == '}';
}

static const char *variable(const char *name) {
  const char *value = getenv(name);
  return value ? value : "";
}

/* A header's value must be one line. */
static bool is_line(const char *value) {
  for (const unsigned char *at = (const unsigned char *)value; *at; at++)
    if (*at < 0x20 || *at == 0x7f) return false;
  return strlen(value) <= MOST_VALUE;
}

static int connect_to(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (strlen(path) >= sizeof address.sun_path) {
    errno = ENAMETOOLONG;
    return -1;
  }
  strcpy(address.sun_path, path);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  struct timeval patience = {.tv_sec = PATIENCE};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0) return fd;
  int error = errno;
  close(fd);
  errno = error;
  return -1;
}

static const char *const VARIABLES[] = {"CNI_COMMAND", "CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME", "CNI_ARGS"};
static const char *const HEADERS[] = {"cni-command", "cni-containerid", "cni-netns", "cni-ifname", "cni-args"};
enum { VALUES = sizeof VARIABLES / sizeof VARIABLES[0] };

static bool send_request(int fd, const char *config, size_t length) {
  static char head[VALUES * (MOST_VALUE + 32) + 256];
  size_t at = (size_t)snprintf(head, sizeof head,
                               "POST /v1/cni HTTP/1.1\r\nhost: podwire\r\nconnection: close\r\n"
                               "content-type: application/json\r\ncontent-length: %zu\r\n",
                               length);
  for (size_t i = 0; i < VALUES; i++)
    at += (size_t)snprintf(head + at, sizeof head - at, "%s: %s\r\n", HEADERS[i], variable(VARIABLES[i]));
  at += (size_t)snprintf(head + at, sizeof head - at, "\r\n");
  return write_all(fd, head, at) && write_all(fd, config, length);
}

/* The answer's status, and its body; 0: it is not whole. */
static int read_answer(int fd, char *answer, const char **body) {
  ssize_t length = read_all(fd, answer, MOST);
  int status;
  if (length <= 0 || sscanf(answer, "HTTP/1.1 %d", &status) != 1) return 0;
  char *end = strstr(answer, "\r\n\r\n");
  if (!end) return 0;
  *end = 0;
  const char *said = strcasestr(answer, "\r\ncontent-length:");
  *body = end + 4;
  return said && atol(said + strlen("\r\ncontent-length:")) == answer + length - *body ? status : 0;
}

int main(void) {
  static char config[MOST + 1], answer[MOST + 1];
  static char path[sizeof((struct sockaddr_un *)0)->sun_path] = DEFAULT_SOCKET;
  const char *command = variable("CNI_COMMAND"), *body;

  ssize_t length = read_all(STDIN_FILENO, config, MOST);
  if (length < 0) return fail(IO_FAILURE, "standard input cannot be read: ", strerror(errno));
  find_text(config, "cniVersion", version, sizeof version);
  if (!is_line(version) || strpbrk(version, "\"\\")) strcpy(version, LAST_VERSION);
  enum found socket_found = find_text(config, "socket", path, sizeof path);
  if (strcmp(command, "VERSION") == 0) {
    printf("{\"cniVersion\":\"%s\",\"supportedVersions\":" VERSIONS "}\n", version);
    return 0;
  }
  for (size_t i = 0; i < VALUES; i++)
    if (!is_line(variable(VARIABLES[i])))
      return fail(BAD_ENVIRONMENT, "no line of at most 2048 bytes: ", VARIABLES[i]);

  /* Garbage may not even say where the agent is. */
  if (!is_object(config, (size_t)length))
    return fail(BAD_INPUT, "the network configuration on standard input is not a JSON object; nothing was changed", "");

  /* Another agent's socket would be worse than none. */
  if (socket_found == UNREADABLE)
    return fail(BAD_INPUT, "socket: a path of at most 107 bytes without escapes is wanted; nothing was changed", "");

  int absent = strcmp(command, "STATUS") == 0 ? UNAVAILABLE : TRY_AGAIN;
  int fd = connect_to(path);
  if (fd < 0) return fail(absent, "no podwire answers, is 'podwire up' running? Nothing was changed; its socket: ", path);
  if (!send_request(fd, config, (size_t)length)) return fail(absent, "podwire went away, try again; its socket: ", path);
  int status = read_answer(fd, answer, &body);
  close(fd);
  if (status != 200 && status != 422) return fail(absent, "podwire gave no answer, try again; its socket: ", path);
  fputs(body, stdout);
  return status == 200 ? 0 : 1;
}
