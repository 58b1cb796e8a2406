/** The file a worker of node:worker_threads runs. */
import { parentPort } from 'node:worker_threads';
import { GuestHost, type GuestMessage } from '../boot/guestWorker.ts';
import { NodeClock } from './clock.ts';

const host = new GuestHost((offsetNs) => new NodeClock(offsetNs));
parentPort!.on('message', (message: GuestMessage) => host.receive(message));
