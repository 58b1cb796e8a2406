/**
 * Pairs of instructions that have a case together: those that were done most often by python, perl, bash and gcc's compiler (counted
 * instruction by instruction). Mnemonic, bytes of the first operand, operands: r register, i immediate, memory m [base + displacement],
 * x [base + index * scale + displacement], a absolute. Before the colon the first, behind it what follows.
 */
const text = `
add4 ri: add4 mr, add4 ri, mov4 mr, mov4 rm, mov4 rr, pop4 r, push4 r, shl4 ri, sub4 ri
add4 rr: add4 rr, add8 ri, movzx4 rm
add8 mr: add8 ri
add8 ri: add8 ri, add8 rr, lea4 rx, mov4 rx, mov8 rr, pop8 r, shl4 ri
add8 rr: mov1 xr, mov8 mr, mov8 rm
and4 ri: jnz, jz, mov4 mr, mov4 rr, mov4 rx
cmp1 ai: jz
cmp1 mi: jnz, jz
cmp1 mr: jnb
cmp1 ri: jbe, jnz, jz
cmp1 rm: jnz
cmp4 mr: jb
cmp4 ri: ja, jbe, jl, jnb, jnle, jnz, jz
cmp4 rr: jb, jnb, jnz, jz
cmp8 mi: jnz, jz
cmp8 mr: jb, jz
cmp8 ra: jb
cmp8 ri: ja, jb, jbe, jnz, jz
cmp8 rr: jb, jnb, jnz, jz
lea4 rm: mov4 mr, mov4 rm, push4 r
lea4 rx: mov4 rr, movzx4 rm
lea8 ra: movsxd8 rx
lea8 rm: mov8 mr, mov8 rm, mov8 rr, shr8 ri, xor4 rr
lea8 rx: lea8 rx, mov8 rm, movzx4 rm
mov1 xr: mov8 ra
mov4 mi: mov4 mi, mov4 mr, mov4 rm
mov4 mr: add4 ri, and4 ri, lea4 rm, mov4 mr, mov4 rm, mov4 rr, mov8 mr, xor4 rr
mov4 ri: mov8 rr, push8 r
mov4 rm: add4 ri, add4 rr, add8 rr, and4 ri, lea4 rm, mov4 mi, mov4 mr, mov4 ri, mov4 rm, mov4 rr, mov4 rx, mov8 mr, mov8 rm, mov8 rr, movzx4 rm, push4 r, sub4 ri, xor4 rr
mov4 rr: add4 ri, add8 ri, and4 ri, lea8 rx, mov4 mr, mov4 rm, mov4 rr, mov8 rr, pop4 r, push4 r, push8 r, shr1 ri, shr4 ri, xor4 rr
mov8 mr: add8 ri, lea8 rm, mov4 mr, mov8 mr, mov8 rm, mov8 rr, mov8 xr, movzx4 rm, xor4 rr
mov8 ra: lea8 rm, mov8 ra, mov8 rm, mov8 rr, movsxd8 rr
mov8 rm: add8 ri, add8 rr, and4 ri, and8 ri, lea8 rm, lea8 rx, mov4 rm, mov4 rr, mov8 mr, mov8 rm, mov8 rr, movzx4 rm, xor4 rr
mov8 rr: add8 rr, and4 ri, and8 ri, lea8 rm, mov4 ri, mov4 rr, mov8 mr, mov8 rm, mov8 rr, pop8 r, push8 r, shl8 ri, shr8 ri, sub8 ri, xor4 rr
mov8 rx: mov8 rm
movzx4 rm: add4 ri, add8 ri, lea8 rm, mov4 rr, mov8 rr, movzx4 rm
movzx4 rr: mov4 rx
or8 ri: mov8 mr
pop4 r: pop4 r
pop8 r: pop8 r
push4 m: push4 m, push4 r
push4 r: mov4 rm, mov4 rr, push4 m, push4 r, sub4 ri
push8 r: lea8 rm, mov4 rr, mov8 rm, mov8 rr, push8 r, sub8 ri
sub4 ri: mov4 mr, mov4 rm, push4 r, shr4 ri
sub8 mi: jz
sub8 ri: jnb, mov4 rm, mov8 mr, mov8 ra, mov8 rm
test1 mi: jnz, jz
test1 ri: jnz, jz
test1 rr: jnz, jz
test4 ri: jnz, jz
test4 rr: jle, jnz, js, jz
test8 rr: jle, jnz, js, jz
xor4 rr: and4 ri, mov4 rm, mov4 rr, mov8 rm, mov8 rr, shr4 ri, xor4 rr
`;

/** By the first of a pair. */
export const followers: ReadonlyMap<string, ReadonlySet<string>> = new Map(
  text.trim().split('\n').map((line) => {
    const [first, seconds] = line.split(': ') as [string, string];
    return [first, new Set(seconds.split(', '))];
  }),
);
