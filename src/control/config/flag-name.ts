/** The flag of a key: dots become dashes, and a capital letter a dash and a small one (`vxlan.port`: `vxlan-port`). */
export function flagName(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`).replaceAll('.', '-');
}
