import Link from 'next/link'
import { Button } from '@/components/ui/button'
import { paths } from '@/lib/paths'

export const metadata = { title: 'Not found' }

export default function NotFound() {
  return (
    <main className="mx-auto grid max-w-md justify-items-start gap-3 px-4 py-24">
      <h1 className="text-xl font-semibold">There is no such page</h1>
      <p className="text-muted-foreground">
        The address may be mistyped, or what it named is gone.
      </p>
      <Button asChild>
        <Link href={paths.databases}>Go to the databases</Link>
      </Button>
    </main>
  )
}
