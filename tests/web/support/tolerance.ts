/** f32 outputs beside another runtime's, relative to the output's range. */
export const kFloatPeer = 1e-4;
/** Share of int8 outputs within one quantization step of another runtime's. */
export const kIntegerShare = 0.999;
/** Share of samples whose top-1 answer is the same as another runtime's. */
export const kTopOneShare = 0.995;
