import { failureOf, isSignedOut } from './api'

const load = () => import('sonner').then(({ toast }) => toast)

/** Says what the server has proved. The words are the server's where it gave any. */
export function notify(title: string, description?: string): void {
  void load().then((toast) => toast.success(title, { ...(description ? { description } : {}) }))
}

export function notifyOfFailure(error: unknown): void {
  // Whoever is signed out is on the way to the sign-in page already.
  if (isSignedOut(error)) return
  const { title, detail, code } = failureOf(error)
  const description = [detail, code && `Code ${code}`].filter(Boolean).join('\n')
  void load().then((toast) => toast.error(title, { description, duration: 10_000 }))
}
