// Servers and their clients, one of the two native and the other under tuxlate, over the host's loopback: the client prints the same as
// when both are native.
import { execFileSync } from 'node:child_process';
import { firstDifference, freePort, listens, start } from './runner.mjs';

const www = 'mkdir -p /tmp/www && cd /tmp/www && seq 1 20000 > numbers && echo hello > index.html && head -c 300000 /dev/zero | tr "\\0" x > large';
const repository = 'mkdir -p /tmp/repo && cd /tmp/repo && export GIT_AUTHOR_DATE="@1700000000 +0000" GIT_COMMITTER_DATE="@1700000000 +0000" && git init -q -b main . && git config user.name t && git config user.email t@t && for i in 1 2 3; do seq $i 500 > f$i && git add . && git commit -qm "number $i"; done';
const ssh = 'umask 077; mkdir -p /tmp/k; printf "%s\\n" "$CLIENT_KEY" > /tmp/k/id; S="-i /tmp/k/id -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR"';

/** `ready`: the server is tried before the client starts (not where it serves only one). */
export const servers = [
  { name: 'http.server', package: 'python3', has: 'python3', server: `${www}; exec python3 -m http.server $PORT --bind 127.0.0.1`, client: 'U=http://127.0.0.1:$PORT; curl -sS $U/numbers | md5sum; curl -sSI $U/large | grep -i ^content; wget -qO- $U/large | wc -c; curl -s -o /dev/null -w "%{http_code}\\n" $U/none; for i in 1 2 3 4 5 6; do curl -sS $U/ & done; wait' },
  {
    name: 'nginx', package: 'nginx-light', has: 'nginx',
    server: `${www}; mkdir -p /tmp/n; printf 'daemon off; master_process on; worker_processes 2; pid /tmp/n/pid; error_log stderr; user root; events {} http { access_log off; client_body_temp_path /tmp/n/b; proxy_temp_path /tmp/n/p; fastcgi_temp_path /tmp/n/f; uwsgi_temp_path /tmp/n/u; scgi_temp_path /tmp/n/s; gzip on; gzip_types *; sendfile on; server { listen 127.0.0.1:%s; root /tmp/www; } }' $PORT > /tmp/n/c; exec nginx -c /tmp/n/c`,
    client: 'U=http://127.0.0.1:$PORT; curl -sS $U/numbers | md5sum; curl -sS --compressed $U/large | md5sum; ab -q -n 300 -c 8 $U/numbers | grep -E "^(Complete|Failed|Document Length|Total transferred)"; ab -q -k -n 300 -c 8 $U/ | grep -E "^(Complete|Failed|Keep-Alive)"',
  },
  {
    name: 'redis', package: 'redis-server', has: 'redis-server', server: 'cd /tmp; exec redis-server --port $PORT --bind 127.0.0.1 --save "" --appendonly no --daemonize no',
    client: 'C="redis-cli -p $PORT"; $C set a 1; $C incrby a 41; for i in 1 2 3; do $C rpush l $i; done; $C lrange l 0 -1; $C eval "return redis.call(\'get\', KEYS[1]) * 2" 1 a; redis-benchmark -p $PORT -n 1000 -c 8 -q -t set,get,lpush,mset 2>&1 | tr "\\r" "\\n" | grep -o "^[A-Z].*requests per second" | sed "s/:.*//"; $C dbsize; $C debug sleep 0; $C ping',
  },
  { name: 'socat', package: 'socat', has: 'socat', server: 'exec socat TCP-LISTEN:$PORT,bind=127.0.0.1,reuseaddr,fork EXEC:"tr a-z A-Z"', client: 'for i in 1 2 3; do echo line $i | socat -t 20 - TCP:127.0.0.1:$PORT; done; seq 1 50000 | socat -t 10 - TCP:127.0.0.1:$PORT | md5sum' },
  {
    name: 'netcat', package: 'netcat-openbsd', has: 'nc', ready: false, serverOutput: true,
    server: 'nc -l 127.0.0.1 $PORT | md5sum; seq 1 30000 > /tmp/n; nc -N -l 127.0.0.1 $PORT < /tmp/n',
    client: 'until seq 2 30000 | nc -N 127.0.0.1 $PORT; do sleep 0.1; done; until nc -d 127.0.0.1 $PORT > /tmp/got && [ -s /tmp/got ]; do sleep 0.1; done; md5sum < /tmp/got',
  },
  { name: 'netcat udp', package: 'netcat-openbsd', has: 'nc', ready: false, server: 'timeout 20 nc -u -l 127.0.0.1 $PORT | head -1', client: 'for i in $(seq 40); do echo datagram | nc -u -w 1 -q 0 127.0.0.1 $PORT && sleep 0.25; [ $i = 8 ] && break; done; echo sent', serverOutput: true },
  {
    name: 'openssl', package: 'openssl', has: 'openssl',
    server: 'cd /tmp; openssl req -x509 -newkey rsa:2048 -nodes -keyout k -out c -subj /CN=test -days 30 2> /dev/null; exec openssl s_server -accept 127.0.0.1:$PORT -key k -cert c -rev -quiet',
    client: 'cd /tmp; for v in -tls1_2 -tls1_3; do : > out; printf "abc def\\n" | openssl s_client -connect 127.0.0.1:$PORT $v -ign_eof -quiet > out 2> /dev/null & P=$!; until [ -s out ]; do sleep 0.1; done; kill $P; cat out; done; openssl s_client -connect 127.0.0.1:$PORT < /dev/null 2> /dev/null | grep -E "^(New|subject)"',
  },
  {
    name: 'rsync', package: 'rsync', has: 'rsync',
    server: `${www}; printf 'port = %s\\naddress = 127.0.0.1\\nuse chroot = no\\n[www]\\npath = /tmp/www\\nread only = no\\nuid = 0\\ngid = 0\\n' $PORT > /tmp/conf; exec rsync --daemon --no-detach --config=/tmp/conf`,
    client: 'U=rsync://127.0.0.1:$PORT; rsync $U/; rsync -a $U/www/ /tmp/got/; cd /tmp/got; md5sum *; seq 5 20000 > numbers; mkdir d; echo new > d/e; rsync -a --delete /tmp/got/ $U/www/; rm -rf /tmp/back; rsync -az $U/www/ /tmp/back/; cd /tmp/back; find . -type f | sort | xargs md5sum',
  },
  { name: 'git daemon', package: 'git', has: 'git', server: `(${repository}); cd /; exec git daemon --reuseaddr --listen=127.0.0.1 --port=$PORT --base-path=/tmp --export-all /tmp/repo`, client: 'cd /tmp; git clone -q git://127.0.0.1:$PORT/repo r && cd r && git log --format="%h %s" && cat f* | md5sum && git fsck' },
  { name: 'git http', package: 'git', has: 'git', server: `(${repository}; git update-server-info); cd /tmp; exec python3 -m http.server $PORT --bind 127.0.0.1`, client: 'cd /tmp; git clone -q http://127.0.0.1:$PORT/repo/.git r && cd r && git log --format="%h %s" && cat f* | md5sum' },
  {
    name: 'ssh', package: 'openssh-server', has: 'sshd',
    server: `(${repository}); mkdir -p /run/sshd /tmp/s; umask 077; printf "%s\\n" "$HOST_KEY" > /tmp/s/host; printf "%s\\n" "$CLIENT_PUBLIC" > /tmp/s/keys; printf 'Port %s\\nListenAddress 127.0.0.1\\nHostKey /tmp/s/host\\nAuthorizedKeysFile /tmp/s/keys\\nUsePAM no\\nPermitRootLogin yes\\nStrictModes no\\nPidFile none\\nPrintMotd no\\nPrintLastLog no\\nAcceptEnv LC_ALL\\nSubsystem sftp internal-sftp\\n' $PORT > /tmp/s/conf; exec /usr/sbin/sshd -D -e -f /tmp/s/conf`,
    client: `${ssh}; R="ssh $S -p $PORT root@127.0.0.1"; $R 'echo hello; id -u; exit 7'; echo $?; seq 1 20000 | $R 'md5sum'; $R -tt 'tty | tr -d 0-9; stty -a | grep -o "speed [0-9]*"; test -t 0 && echo terminal' < /dev/null | tr -d '\\r'; cd /tmp; GIT_SSH_COMMAND="ssh $S -p $PORT" git clone -q root@127.0.0.1:/tmp/repo r && cat r/f* | md5sum; echo "get /tmp/repo/f1 f1" | sftp -q $S -P $PORT root@127.0.0.1 > /dev/null && md5sum < f1; rsync -a -e "ssh $S -p $PORT" root@127.0.0.1:/tmp/repo/f2 . && md5sum < f2`,
  },
  {
    name: 'postgresql', package: 'postgresql', has: 'psql', seconds: 120,
    server: 'B=$(echo /usr/lib/postgresql/*/bin); mkdir /tmp/pg; chown postgres /tmp/pg; cd /tmp/pg; S="setpriv --reuid postgres --regid postgres --clear-groups"; $S $B/initdb -D /tmp/pg/d -A trust -N > /tmp/pg/log 2>&1 || cat /tmp/pg/log; exec $S $B/postgres -D /tmp/pg/d -p $PORT -h 127.0.0.1 -k /tmp/pg -c fsync=off -c shared_buffers=16MB',
    client: 'export PGHOST=127.0.0.1 PGPORT=$PORT PGUSER=postgres; B=$(echo /usr/lib/postgresql/*/bin); until psql -Atc "select 1" 2> /dev/null; do sleep 0.2; done; $B/pgbench -i -q -s 1 2>&1 | grep -c done; $B/pgbench -c 4 -j 2 -t 25 2> /dev/null | grep -E "processed|failed|clients"; psql -Atc "select count(*), sum(abalance) = (select sum(delta) from pgbench_history) from pgbench_accounts" -c "select count(*) from pg_class a join pg_class b on a.oid = b.oid where a.relname like \'pg_%\'" -c "explain (costs off) select * from pgbench_accounts where aid = 5"',
  },
];

function keyPair() {
  const make = (name) => {
    const dir = execFileSync('mktemp', ['-d'], { encoding: 'utf8' }).trim();
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', name, '-f', `${dir}/k`]);
    const [secret, open] = [`${dir}/k`, `${dir}/k.pub`].map((file) => execFileSync('cat', [file], { encoding: 'utf8' }).trim());
    execFileSync('rm', ['-r', dir]);
    return [secret, open];
  };
  const [host] = make('host'), [client, open] = make('client');
  return { HOST_KEY: host, CLIENT_KEY: client, CLIENT_PUBLIC: open };
}

let keys = null;

/** One of the two sides by `how.server`, the other by `how.client`. What both printed, or why they did not come to it. */
async function once(test, root, how) {
  const port = await freePort(), seconds = test.seconds ?? 60, variables = { PORT: String(port), ...keys };
  const server = start(how.server, root, test.server, variables, seconds);
  let over = false;
  void server.result.then(() => (over = true));
  try {
    if (test.ready !== false && !(await listens(port, seconds, () => over))) return { failed: `the server does not listen: ${server.printed('stderr').slice(-300)}` };
    const client = await start(how.client, root, test.client, variables, seconds).result;
    if (client.late) return { failed: `the client took over ${seconds} s; it printed ${JSON.stringify(client.stdout.slice(-200))}` };
    const tail = test.serverOutput ? `server:\n${(await server.result).stdout}` : '';
    return { output: `${client.stdout}status ${client.status}\n${tail}`, stderr: client.stderr };
  } finally {
    await server.stop();
  }
}

/** A result for each combination. */
export async function checkServer(test, root) {
  const results = [];
  if (test.name === 'ssh') {
    try {
      keys ??= keyPair();
    } catch {
      return [{ name: test.name, skipped: 'ssh-keygen (openssh-client) is absent' }];
    }
  }
  const expected = await once(test, root, { server: 'native', client: 'native' });
  if (expected.failed !== undefined) return [{ name: test.name, ok: false, why: `natively: ${expected.failed}` }];
  for (const how of [{ server: 'tuxlate', client: 'native' }, { server: 'native', client: 'tuxlate' }]) {
    const name = `${test.name}, ${how.server === 'tuxlate' ? 'server' : 'client'} under tuxlate`, from = performance.now();
    const actual = await once(test, root, how);
    const ms = Math.round(performance.now() - from);
    if (actual.failed !== undefined) results.push({ name, ok: false, why: actual.failed });
    else if (actual.output !== expected.output) results.push({ name, ok: false, why: `${firstDifference(expected.output, actual.output)} ${actual.stderr.slice(0, 200)}` });
    else results.push({ name, ok: true, why: `${ms} ms` });
  }
  return results;
}
