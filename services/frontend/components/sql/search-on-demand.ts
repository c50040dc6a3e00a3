import { Compartment } from '@codemirror/state'
import { type EditorView, keymap } from '@codemirror/view'

const place = new Compartment()

/** Find and replace; its code is fetched at the first Ctrl+F. */
export const searchOnDemand = place.of(
  keymap.of([
    {
      key: 'Mod-f',
      run: (view) => {
        void openSearch(view)
        return true
      },
    },
  ]),
)

async function openSearch(view: EditorView) {
  const { openSearchPanel, search, searchKeymap } = await import('@codemirror/search')
  view.dispatch({ effects: place.reconfigure([search({ top: true }), keymap.of(searchKeymap)]) })
  openSearchPanel(view)
}
