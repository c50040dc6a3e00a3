import type { Metadata } from 'next'
import { TablePage } from '@/components/tables/table-page'
import { readSegment } from '@/lib/paths'

interface PageProps {
  readonly params: Promise<{ readonly table: string }>
}

export async function generateMetadata({ params }: PageProps): Promise<Metadata> {
  return { title: readSegment((await params).table) }
}

export default async function Page({ params }: PageProps) {
  return <TablePage table={readSegment((await params).table)} />
}
