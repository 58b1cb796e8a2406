/** Set by tools/build.mjs from package.json. */
declare const TUXLATE_VERSION: string;
