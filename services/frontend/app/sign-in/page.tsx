import { SignInForm } from '@/components/shell/sign-in-form'

export const metadata = { title: 'Sign in' }

interface SignInPageProps {
  readonly searchParams: Promise<Readonly<Record<string, string | string[] | undefined>>>
}

export default async function SignInPage({ searchParams }: SignInPageProps) {
  const { next } = await searchParams
  return (
    <main className="mx-auto grid min-h-dvh max-w-sm content-center gap-6 px-4 pb-[12dvh]">
      <SignInForm next={typeof next === 'string' ? next : null} />
    </main>
  )
}
