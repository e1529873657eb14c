import type { Report } from './generated/report.js';
import { isNode } from './platform.js';
import type { Capabilities } from './types.js';

async function cpuName(): Promise<string | null> {
  if (!isNode) return null;
  const { cpus } = await import('node:os');
  return cpus()[0]?.model.trim() ?? null;
}

/** "Chrome 156", "Firefox 140", "Safari 19" from a user agent; the whole agent when unknown. */
export function browserName(userAgent: string): string {
  for (const [pattern, name] of [
    [/Edg\/(\d+)/, 'Edge'],
    [/Chrome\/(\d+)/, 'Chrome'],
    [/Firefox\/(\d+)/, 'Firefox'],
    [/Version\/(\d+).*Safari/, 'Safari'],
  ] as const) {
    const match = pattern.exec(userAgent);
    if (match) return `${name} ${match[1]}`;
  }
  return userAgent;
}

/** Where a measurement was taken. */
export async function describeEnvironment(
  capabilities: Capabilities,
): Promise<Report['environment']> {
  return {
    runtime: isNode ? `Node ${process.versions.node}` : browserName(navigator.userAgent),
    tier: capabilities.variant.tier,
    threads: capabilities.threads,
    cpu: await cpuName(),
  };
}
