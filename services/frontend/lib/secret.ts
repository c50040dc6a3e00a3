/** The same for every secret, so that not even its length is told. */
const DOTS = '••••••••••••'

/** A text without the secret that it holds, as it stands there or as a URL writes it. */
export const hidden = (text: string, secret: string) =>
  secret === '' ? text : text.replaceAll(encodeURIComponent(secret), DOTS).replaceAll(secret, DOTS)
