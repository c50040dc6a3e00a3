const NAME_MAX = 63

/** The name, or the first one like it that nobody has: `shop`, `shop-2`, `shop-3`. */
export function freeName(name: string, taken: ReadonlySet<string>): string {
  for (let number = 1; ; number++) {
    const ending = number === 1 ? '' : `-${number}`
    const candidate = name.slice(0, NAME_MAX - ending.length) + ending
    if (!taken.has(candidate.toLowerCase())) return candidate
  }
}
