/** Set by tools/build.mjs from package.json. */
declare const TUXLATE_VERSION: string;

/** Hashes of the files that bundle.ts loads, set by tools/build.mjs. */
declare const TUXLATE_BUNDLES: { readonly main: string; readonly guestWorker: string; readonly translator: string };

/** Hash of what makes records of decoded code, set by tools/build.mjs. */
declare const TUXLATE_RUNS: string;

/** Hash of what makes translations of guest code, set by tools/build.mjs. */
declare const TUXLATE_TRANSLATIONS: string;
