/** Members of a row that is an object: the names of its columns, made unique where several bear one. */
export function uniqueKeys(names: readonly string[]): string[] {
  const taken = new Set(names)
  const seen = new Set<string>()
  return names.map((name) => {
    if (!seen.has(name)) {
      seen.add(name)
      return name
    }
    let nth = 2
    while (taken.has(`${name}_${nth}`)) nth += 1
    const key = `${name}_${nth}`
    taken.add(key)
    return key
  })
}
