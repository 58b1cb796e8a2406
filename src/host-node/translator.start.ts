/** The file the translating worker runs. */
import { loadBundle } from './bundle.ts';

/** When it has probably done some work. */
const KEEP_AFTER_MS = 2000;

const { keep } = loadBundle('translator');
if (keep !== null) setTimeout(keep, KEEP_AFTER_MS).unref();
