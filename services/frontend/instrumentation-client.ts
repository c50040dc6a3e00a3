/**
 * Runs before any other module of the page. zod asks, when its first object schema is made, whether it may compile
 * code; our content security policy refuses that, and the browser would report each attempt.
 */
Object.assign(globalThis, { __zod_globalConfig: { jitless: true } })
