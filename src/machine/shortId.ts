/** What calls with ids of 16 bits say of a user or group (high2lowuid): kernel.overflowuid for those that do not fit. */
export const shortId = (id: number): number => (id > 0xffff ? 65534 : id);
