// Root file systems for the program tests: Debian's programs for each architecture, made once by mmdebstrap and kept in a cache.
import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

export const packages = [
  ...['busybox-static', 'bash', 'dash', 'zsh', 'coreutils', 'grep', 'sed', 'gawk', 'mawk', 'findutils', 'diffutils', 'patch', 'bc', 'dc'],
  ...['tar', 'gzip', 'bzip2', 'xz-utils', 'zstd', 'cpio', 'perl', 'python3', 'sqlite3', 'lua5.4', 'git', 'make', 'gcc', 'g++', 'binutils'],
  ...['file', 'vim', 'openssl', 'm4', 'flex', 'bison', 'tcl', 'less', 'nano', 'procps', 'util-linux', 'musl-tools', 'expect', 'strace'],
  // Written in Haskell.
  'shellcheck',
];
export const architectures = ['amd64', 'i386'];

const keyOf = (list) => createHash('sha256').update(list.join(' ')).digest('hex').slice(0, 10);
const cache = process.env.TUXLATE_ROOTS ?? join(homedir(), '.cache', 'tuxlate-roots');

/** Where the root with these packages is. */
export function rootPath(architecture, list = packages) {
  return join(cache, `${architecture}-${keyOf(list)}`);
}

const suite = 'bookworm';

function bootstrap(args) {
  return new Promise((done) => {
    const child = spawn('mmdebstrap', args, { stdio: ['ignore', 'inherit', 'inherit'] });
    child.on('error', () => done(127));
    child.on('exit', (status) => done(status ?? 1));
  });
}

/** The sources line of the release alone, from where this machine's apt takes it. */
function releaseOnly() {
  const format = '$(REPO_URI) $(CODENAME) $(COMPONENT)';
  const targets = execFileSync('apt-get', ['indextargets', '--format', format, 'Created-By: Packages'], { encoding: 'utf8' });
  const uri = targets.split('\n').map((line) => line.split(' ')).find(([, codename, component]) => codename === suite && component === 'main')?.[0];
  return uri === undefined ? [] : [`deb ${uri} ${suite} main`];
}

/** True when the root exists or was made; false with a printed reason otherwise. */
export async function prepareRoot(architecture, list = packages) {
  const root = rootPath(architecture, list);
  if (existsSync(join(root, '.complete'))) return true;
  if (process.getuid?.() !== 0) {
    console.log(`root ${architecture}: not made (mmdebstrap and chroot need root)`);
    return false;
  }
  try {
    execFileSync('mmdebstrap', ['--version'], { stdio: 'ignore' });
  } catch {
    console.log(`root ${architecture}: not made (mmdebstrap is not installed)`);
    return false;
  }
  mkdirSync(cache, { recursive: true });
  const making = `${root}.new-${process.pid}`;
  console.log(`root ${architecture}: making ${root} (some minutes, once)`);
  const args = ['--quiet', `--architectures=${architecture}`, '--variant=apt', '--mode=root', `--include=${list.join(',')}`, suite, making];
  let code = await bootstrap(args);
  if (code !== 0) {
    // A mirror whose updates are half synchronised is common; the release itself is enough.
    rmSync(making, { recursive: true, force: true });
    code = await bootstrap([...args, ...releaseOnly()]);
  }
  if (code !== 0) {
    console.log(`root ${architecture}: mmdebstrap failed (${code})`);
    rmSync(making, { recursive: true, force: true });
    return false;
  }
  writeFileSync(join(making, '.complete'), '');
  rmSync(root, { recursive: true, force: true });
  renameSync(making, root);
  return true;
}

if (process.argv[1] === import.meta.filename) for (const architecture of architectures) if (!(await prepareRoot(architecture))) process.exitCode = 1;
