import type { Job } from '@db-forge/contract'
import { failureOf, isSignedOut } from './api'

let show = () => {}
let ready = () => {}
const shown = new Promise<void>((resolve) => {
  ready = resolve
})

/** For the place where toasts appear: `onWanted` is called when there is something to say for the first time. */
export function provideToasts(onWanted: () => void): void {
  show = onWanted
}
export const toastsAreShown = () => ready()

async function load() {
  show()
  const [{ toast }] = await Promise.all([import('sonner'), shown])
  return toast
}

/** Says what the server has proved. The words are the server's where it gave any. */
export function notify(title: string, description?: string): void {
  void load().then((toast) => toast.success(title, { ...(description ? { description } : {}) }))
}

export function notifyOfFailure(error: unknown): void {
  // Whoever is signed out is on the way to the sign-in page already.
  if (isSignedOut(error)) return
  const { title, ...failure } = failureOf(error)
  notifyOfFault(title, failure)
}

/** Of something that was left to itself and has failed. */
export function notifyOfFault(
  title: string,
  failure: Partial<NonNullable<Job['error']>> | null,
): void {
  const { detail, code } = failure ?? {}
  const description = [detail, code && `Code ${code}`].filter(Boolean).join('\n')
  void load().then((toast) => toast.error(title, { description, duration: 10_000 }))
}
