import { describe, expect, it } from 'vitest'
import { pageAfterSignIn, paths, readSegment } from './paths'

describe('paths', () => {
  it('encodes what a table may be called', () => {
    expect(paths.table('shop', 'a/b?c#d e%')).toBe('/db/shop/tables/a%2Fb%3Fc%23d%20e%25')
    expect(readSegment('a%2Fb%3Fc%23d%20e%25')).toBe('a/b?c#d e%')
  })

  it('leaves a segment alone that is not encoded', () => {
    expect(readSegment('100%')).toBe('100%')
  })
})

describe('the page after signing in', () => {
  it('is the one that was asked for', () => {
    expect(pageAfterSignIn('/db/shop/tables/Track?page=2')).toBe('/db/shop/tables/Track?page=2')
  })

  it.each([
    null,
    '',
    '/',
    '//evil.example',
    '/\\evil.example',
    'https://evil.example',
    '/\t/evil.example',
    '/sign-in?next=/x',
    'javascript:alert(1)',
  ])('is the list of databases for %j', (next) => {
    expect(pageAfterSignIn(next)).toBe('/databases')
  })
})
