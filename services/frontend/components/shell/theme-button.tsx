'use client'

import { Moon, Sun } from 'lucide-react'
import dynamic from 'next/dynamic'
import { useState } from 'react'
import { Button } from '@/components/ui/button'

const loadMenu = () => import('./theme-menu').then(({ ThemeMenu }) => ThemeMenu)
const ThemeMenu = dynamic(loadMenu, { ssr: false, loading: () => <Trigger /> })

/** The menu's code is fetched when it is wanted. */
export function ThemeButton() {
  const [wanted, setWanted] = useState(false)
  return wanted ? (
    <ThemeMenu />
  ) : (
    <Trigger onClick={() => setWanted(true)} onPointerEnter={() => void loadMenu()} />
  )
}

function Trigger(props: { readonly onClick?: () => void; readonly onPointerEnter?: () => void }) {
  return (
    <Button variant="ghost" size="icon" aria-label="Theme" aria-haspopup="menu" {...props}>
      <Sun aria-hidden className="dark:hidden" />
      <Moon aria-hidden className="hidden dark:block" />
    </Button>
  )
}
