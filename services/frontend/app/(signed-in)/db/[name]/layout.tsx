import type { Metadata } from 'next'
import type { ReactNode } from 'react'
import { DatabaseFrame } from '@/components/databases/database-frame'
import { readSegment } from '@/lib/paths'

interface DatabaseLayoutProps {
  readonly params: Promise<{ readonly name: string }>
  readonly children: ReactNode
}

export async function generateMetadata({
  params,
}: Pick<DatabaseLayoutProps, 'params'>): Promise<Metadata> {
  const name = readSegment((await params).name)
  return { title: { default: name, template: `%s · ${name} · DB-Forge` } }
}

export default async function DatabaseLayout({ params, children }: DatabaseLayoutProps) {
  return <DatabaseFrame name={readSegment((await params).name)}>{children}</DatabaseFrame>
}
