// What every script of Pintle sees. No imports, no exports: these are globals.

/**
 * The app's collections, by name. Empty here: `pintle types` writes a file beside the app's scripts that fills it in.
 *
 * ```ts
 * interface Collections {
 *   places: { Row: { id: number; name: string | null }; Insert: { id?: number; name?: string | null }; Update: { id?: number; name?: string | null } };
 * }
 * ```
 */
interface Collections {}
