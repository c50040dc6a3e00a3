/** Text being written, kept for this tab so that a reload does not lose it. */
export function readDraft(key: string): string {
  try {
    return window.sessionStorage.getItem(`draft:${key}`) ?? ''
  } catch {
    return ''
  }
}

export function keepDraft(key: string, text: string): void {
  try {
    window.sessionStorage.setItem(`draft:${key}`, text)
  } catch {
    // Storage is full or forbidden: the text lives in the page only.
  }
}
