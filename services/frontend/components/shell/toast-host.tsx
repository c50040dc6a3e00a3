'use client'

import dynamic from 'next/dynamic'
import { useEffect, useState } from 'react'
import { provideToasts } from '@/lib/notify'

const Toasts = dynamic(() => import('./toasts').then((module) => module.Toasts), { ssr: false })

/** Where toasts appear; their code comes with the first. */
export function ToastHost() {
  const [wanted, setWanted] = useState(false)
  useEffect(() => provideToasts(() => setWanted(true)), [])
  return wanted ? <Toasts /> : null
}
