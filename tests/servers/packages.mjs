/** What the root file system of the server and screen tests is made of (Debian packages). */
export const packages = [
  ...['bash', 'coreutils', 'findutils', 'sed', 'grep', 'procps', 'python3', 'curl', 'wget', 'nginx-light', 'apache2-utils', 'redis-server', 'redis-tools'],
  ...['socat', 'netcat-openbsd', 'openssl', 'rsync', 'git', 'openssh-server', 'openssh-client', 'postgresql'],
  ...['vim', 'nano', 'less', 'htop', 'mc', 'dialog', 'tmux', 'screen', 'bsdutils', 'expect', 'nethack-console', 'ncurses-term'],
];
