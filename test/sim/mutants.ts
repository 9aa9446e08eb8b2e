/** A deliberate bug: a text that stands exactly once in a shipped source, and what stands there instead. */
export interface Mutant {
  readonly name: string;
  readonly file: string;
  readonly find: string;
  readonly replace: string;
  /** With leases `on` unless said otherwise. */
  readonly leases?: 'on' | 'off' | 'flaky';
  /** It must be caught within this many seeds. */
  readonly seeds: number;
}

const plan = 'lib/domain/plan.ts';
const head = 'lib/domain/head.ts';
const missed = 'lib/domain/missed.ts';
const keyView = 'lib/domain/key-view.ts';
const mark = 'lib/domain/mark.ts';
const order = 'lib/domain/source-order.ts';
const stamp = 'lib/domain/stamp.ts';
const attempt = 'lib/domain/marker-attempt.ts';
const coverage = 'lib/domain/coverage.ts';
const rule = 'lib/domain/rule.ts';
const event = 'lib/domain/event.ts';
const history = 'lib/domain/history.ts';
const transfer = 'lib/domain/transfer.ts';
const applyPlan = 'lib/app/apply-plan.ts';
const look = 'lib/app/look.ts';
const provenance = 'lib/app/provenance.ts';
const applyStep = 'lib/app/apply-step.ts';
const copyMatter = 'lib/app/copy-matter.ts';
const handleEvent = 'lib/app/handle-event.ts';
const sweepBacklog = 'lib/app/sweep-backlog.ts';
const walkRules = 'lib/app/walk-rules.ts';
const lease = 'lib/app/lease.ts';
const sweepLeases = 'lib/app/sweep-leases.ts';
const readableHead = 'lib/app/readable-head.ts';
const settleGaps = 'lib/app/settle-gaps.ts';
const backlogNames = 'lib/domain/backlog.ts';
const ruleStore = 'lib/app/rule-store.ts';
const ruleSource = 'lib/app/rule-source.ts';
const gate = 'lib/app/versioning-gate.ts';
const backlog = 'lib/app/backlog.ts';
const replicateKey = 'lib/app/replicate-key.ts';
const error = 'lib/domain/error.ts';
const changeRules = 'lib/app/change-rules.ts';
const compare = 'lib/domain/compare.ts';

export const mutants: readonly Mutant[] = [
  {
    name: 'apply newest first',
    file: plan,
    find: 'return above.filter((entry) => isCovered(entry, view.coverage));',
    replace: 'return above.filter((entry) => isCovered(entry, view.coverage)).reverse();',
    seeds: 20,
  },
  {
    name: 'copy only the newest',
    file: plan,
    find: 'return above.filter((entry) => isCovered(entry, view.coverage));',
    replace: 'return above.filter((entry) => isCovered(entry, view.coverage)).slice(-1);',
    seeds: 20,
  },
  {
    name: 'off by one at since',
    file: keyView,
    find: 'Math.floor(lastModifiedMs / 1000) >= since',
    replace: 'Math.floor(lastModifiedMs / 1000) > since',
    seeds: 2_000,
  },
  {
    name: 'markers are covered as versions are',
    file: keyView,
    find: "entry.kind === 'version' ? coverage.since : coverage.markersSince",
    replace: 'coverage.since',
    seeds: 300,
  },
  {
    name: 'a late older replica stays on top',
    file: plan,
    find: 'refills > 0 || (top !== head && !usersOnTop && coversHead(view, head, headEntry))',
    replace: 'refills > 0',
    seeds: 300,
  },
  {
    name: 'a write of a user on top ends the walk',
    file: head,
    find: "if (what.kind === 'foreign') {",
    replace: "if (what.kind === 'foreign') { return found();",
    seeds: 300,
  },
  {
    name: 'what a listing hid is never looked for',
    file: missed,
    find: 'const missed = missedBelow(view, walk, compare);',
    replace: "const missed = { kind: 'none' } as Missed;",
    seeds: 600,
  },
  {
    name: 'a gap is filled without repeating what lies above',
    file: plan,
    find: '      compare(entryId(entry), from) >= 0 &&',
    replace: '      compare(entryId(entry), from) === 0 &&',
    seeds: 600,
  },
  {
    name: 'a torn replica counts',
    file: 'lib/app/provenance.ts',
    find: 'if (sizeBytes !== version.sizeBytes) return',
    replace: 'if (sizeBytes < 0) return',
    seeds: 2_000,
  },
  {
    name: 'an entry that the window does not reach is settled',
    file: plan,
    find: 'if (place < 0 && !knowsAllCovered(view)) return',
    replace: 'if (place < 0 && knowsAllCovered(view) && entries.length > 1e9) return',
    seeds: 300,
  },
  {
    name: 'order by id instead of listing',
    file: order,
    find: 'if (known !== undefined) return known;',
    replace: '',
    seeds: 600,
  },
  {
    name: 'a seen mark without the entry itself only',
    file: mark,
    find: "digest([...before, of].join('\\n'))",
    replace: "digest([of].join('\\n'))",
    seeds: 600,
  },
  {
    name: 'a stamp counts at any time',
    file: stamp,
    find: 'return versionMs >= earliest && versionMs <= stamp.issuedMs + longestTransferMs + clockToleranceMs;',
    replace: 'return versionMs >= earliest || longestTransferMs < 0;',
    seeds: 1_000,
  },
  {
    name: 'open attempts are ignored',
    file: attempt,
    find: 'return open ? replicaOf(open) : ',
    replace: 'return ',
    seeds: 4_000,
  },
  {
    name: 'closed attempts are ignored',
    file: attempt,
    find: "if (state === 'closed') written.set(",
    replace: "if (state === 'none') written.set(",
    seeds: 600,
  },
  {
    name: 'one record per marker instead of per attempt',
    file: attempt,
    find: `  return \`\${attempt.attempt}.open.\${sourceBucket}.\${encodeURIComponent(source)}.\${seen}.\${on}\`;
}

export function closedName(attempt: MarkerAttempt, written: EntryId): string {
  return \`\${attempt.attempt}.closed.`,
    replace: `  return \`\${recordName(attempt)}.open.\${sourceBucket}.\${encodeURIComponent(source)}.\${seen}.\${on}\`;
}

function recordName({ source, openedMs }: MarkerAttempt): string {
  const micros = entryIdMicros(source);
  return attemptId(micros === undefined ? openedMs : Number(micros / 1000n), 'n');
}

export function closedName(attempt: MarkerAttempt, written: EntryId): string {
  return \`\${recordName(attempt)}.closed.`,
    seeds: 1_000,
  },
  {
    name: 'a marker is written without a record',
    file: provenance,
    find: '  await ports.state.put(folder + openName(attempt), JSON.stringify(facts));\n',
    replace: '',
    seeds: 100,
  },
  {
    name: 'markers of a replica echo',
    file: applyStep,
    find: 'if (await sourceMarkerIsReplica(ports, source.bucket, key, step.marker)) {',
    replace: 'if (false as boolean) {',
    seeds: 100,
  },
  {
    name: 'versions of a replica echo',
    file: copyMatter,
    find: 'if (stampOf(ports, source.bucket, key, head)) {',
    replace: 'if (false as boolean) {',
    seeds: 100,
  },
  {
    name: 'a young marker is believed to be a user’s',
    file: provenance,
    find: 'listingBelievedAfterMs + clockToleranceMs > nowMs;',
    replace: 'listingBelievedAfterMs + clockToleranceMs > Infinity;',
    seeds: 2_000,
  },
  {
    name: 'what stands at the destination is repeated for nothing',
    file: applyPlan,
    find: 'plan.repeats.has(step) && !wroteBelow',
    replace: 'false',
    seeds: 1_000,
  },
  {
    name: 'no bucket is announced as a target',
    file: changeRules,
    find: `    await announceTargets(ports.state, old ?? [], now ?? []);
`,
    replace: '',
    seeds: 500,
  },
  {
    name: 'the copy is not compared',
    file: applyStep,
    find: 'return head.crc64 === crc64;',
    replace: 'return true;',
    seeds: 300,
  },
  {
    name: 'the storage class of the rule wins over nothing',
    file: transfer,
    find: 'rule.destination.storageClass ?? sourceClass;',
    replace: "rule.destination.storageClass ?? 'STANDARD';",
    seeds: 50,
  },
  {
    name: 'metadata is dropped',
    file: transfer,
    find: '    metadata[name] = value;\n',
    replace: "    if (name === 'content-type') metadata[name] = value;\n",
    seeds: 50,
  },
  {
    name: 'a failure that may pass does not stop the key',
    file: applyPlan,
    find: "      if (failure.error.effect === 'retry') {",
    replace: "      if (failure.error.code === 'DEADLINE') {",
    seeds: 300,
  },
  {
    name: 'the rule is not asked again before a write',
    file: applyPlan,
    find: '    await assertRuleHolds(ports, source, one.rule);\n',
    replace: '',
    seeds: 2_000,
  },
  {
    name: 'the listing is not checked by a HEAD',
    file: look,
    find: 'if (listingKnows(',
    replace: 'if (true || listingKnows(',
    seeds: 5_000,
  },
  {
    name: 'older pages are read from the wrong end',
    file: look,
    find: 'entries: [...(above ? entries.slice(0, -1) : entries), ...window.entries]',
    replace: 'entries: [...window.entries, ...(above ? entries.slice(0, -1) : entries)]',
    seeds: 200,
  },
  {
    name: 'an older page that lags is believed',
    file: look,
    find: 'if (above && (known === undefined || entryId(known) !== entryId(oldest))) continue;',
    replace: '',
    seeds: 20_000,
  },
  {
    name: 'a thrown failure is swallowed',
    file: handleEvent,
    find: '  if (first !== undefined) {',
    replace: '  if (first !== undefined && first.code === "DEADLINE") {',
    seeds: 2_000,
  },
  {
    name: 'nothing is written to the backlog',
    file: backlog,
    find: '  await ports.state.put(name, JSON.stringify(entry));\n',
    replace: '',
    seeds: 300,
  },
  {
    name: 'a backlog entry that was not read before the look is removed',
    file: sweepBacklog,
    find: '      for (const { name, entry } of toLook)\n        if (!mayStillLand(ports, entry, lookedMs)) await ports.state.remove(name);',
    replace:
      '    for (const page of [await ports.state.list(all[0]!.name.split("/").slice(0, 4).join("/") + "/")])\n      for (const name of page.names) if (!name.endsWith(".gap.json")) await ports.state.remove(name);',
    seeds: 2_000,
  },
  {
    name: 'the walk looks at nothing',
    file: walkRules,
    find: "    case 'doubt':\n      return true;",
    replace: "    case 'doubt':\n      return false;",
    seeds: 300,
  },
  {
    name: 'rules are not read back after a settle time',
    file: ruleStore,
    find: 'if (standing?.nonce !== document.nonce) throw',
    replace: 'if (standing === undefined) throw',
    seeds: 3_000,
  },
  {
    name: 'a revision is acted on before it is settled',
    file: ruleStore,
    find: 'settled = readMs - stored.committedMs > settledMs;',
    replace: 'settled = true;',
    seeds: 3_000,
  },
  {
    name: 'a settled revision is taken as it was first read',
    file: ruleStore,
    find: 'stored = await settle(source, stored.ruleSet);',
    replace: 'await settle(source, stored.ruleSet);',
    seeds: 5_000,
  },
  {
    name: 'nobody waits for a revision to settle',
    file: ruleStore,
    find: 'if ((await hinted(source.bucket)) < revision) await clock.sleep(settings.settleMs);',
    replace: '',
    seeds: 1_000,
  },
  {
    name: 'rules are kept for ever',
    file: ruleSource,
    find: 'if (known !== undefined && clock.now() - known.readMs < settings.configLifetimeMs)\n          return',
    replace: 'if (known !== undefined)\n          return',
    seeds: 300,
  },
  {
    name: 'versioning is asked once',
    file: gate,
    find: 'if (held && readMs - held.readMs < settings.configLifetimeMs) return held.answer;',
    replace: 'if (held && held.readMs > 0) return held.answer;',
    seeds: 1_000,
  },
  {
    name: 'a new prefix covers the past',
    file: coverage,
    find: '[{ since: nowSeconds, markersSince',
    replace: '[{ since: 0, markersSince',
    seeds: 50,
  },
  {
    name: 'marker sync covers the past',
    file: coverage,
    find: 'markersSince = nowSeconds, ...span }',
    replace: 'markersSince = since, ...span }',
    seeds: 300,
  },
  {
    name: 'the newest span of a coverage holds',
    file: rule,
    find: 'const since = Math.min(...spans.map((span) => span.since ?? Infinity));',
    replace: 'const since = Math.max(...spans.map((span) => span.since ?? -Infinity));',
    seeds: 1_000,
  },
  {
    name: 'tags are not asked for',
    file: copyMatter,
    find: 'if (!coversTagged(rule, key, version.lastModifiedMs, tags)) {',
    replace: 'if (tags.length > 99) {',
    seeds: 1_000,
  },
  {
    name: 'a null version is known by its place alone',
    file: history,
    find: 'return `null_${content}_${Math.floor(entry.lastModifiedMs / 1000).toString(36)}`;',
    replace: 'return `null_${content.slice(0, 0)}_0`;',
    seeds: 1_000,
  },
  {
    name: 'only the first record of an event is read',
    file: event,
    find: '  records.forEach((record, place) => {',
    replace: '  records.slice(0, 1).forEach((record, place) => {',
    seeds: 1_000,
  },
  {
    name: 'an open attempt is taken for written at once',
    file: attempt,
    find: "if (!possible.every((attempt) => isOver(attempt, times))) return 'unknown';",
    replace: '',
    leases: 'off',
    seeds: 5_000,
  },
  {
    name: 'delete markers are taken for alike without a look',
    file: compare,
    find: "return entry.kind === 'version' && like.kind === 'version' && entry.etag === like.etag;",
    replace: "return entry.kind !== 'version' || like.kind !== 'version' || entry.etag === like.etag;",
    seeds: 2_000,
  },
  {
    name: 'equal contents are taken for alike without a look',
    file: compare,
    find: 'if (ambiguous && (young || copies.some(isFresh))) return false;',
    replace: '',
    seeds: 2_000,
  },
  {
    name: 'skip the second look',
    file: replicateKey,
    find: "return (await changed(ports, task.source, task.key, look)) ? 'again' : look;",
    replace: 'return look;',
    seeds: 6_000,
  },
  {
    name: 'trust the event: one that is no newer than the last is dropped',
    file: handleEvent,
    find: '    const rules = await rulesFor(ports.rules, hint);\n',
    replace: `    const newest = ((ports as any).newestEvents ??= new Map<string, number>());
    const last = newest.get(bucket + key) ?? 0;
    newest.set(bucket + key, Math.max(last, hint.eventTime));
    const rules = hint.eventTime > last ? await rulesFor(ports.rules, hint) : [];
`,
    seeds: 2_000,
  },
  {
    name: 'a lease is a guard: nobody looks again after its release',
    file: replicateKey,
    find: '    if (!(await releaseAll(progress))) return;\n',
    replace: '    if ((await releaseAll(progress)) || progress.length > 0) return;\n',
    seeds: 2_000,
  },
  {
    name: 'a lease is a guard: whoever holds it asks nothing again before a write',
    file: applyPlan,
    find: '  const assertDue = async (): Promise<void> => {\n',
    replace: '  const assertDue = async (): Promise<void> => {\n    if (one.lease) return;\n',
    seeds: 2_000,
  },
  {
    name: 'an error that may pass is taken for a gap',
    file: error,
    find: "THROTTLED: reason('retry',",
    replace: "THROTTLED: reason('gap' as 'retry',",
    seeds: 1_000,
  },
  {
    name: 'small objects are too large',
    file: transfer,
    find: 'head.sizeBytes > limits.singleCopyBytesMax',
    replace: 'head.sizeBytes > limits.singleCopyBytesMax / 8',
    seeds: 100,
  },
  {
    name: 'a poison record blocks its batch',
    file: handleEvent,
    find: '  for (const problem of problems) {\n',
    replace: `  if (problems.length > 0) throw new ReplicationError('EVENT_UNREADABLE', 'one of its records');
  for (const problem of problems) {
`,
    seeds: 1_000,
  },
  {
    name: 'off is heard late',
    file: ruleSource,
    find: 'if (known !== undefined && clock.now() - known.readMs < settings.configLifetimeMs)\n          return',
    replace:
      'if (known !== undefined && clock.now() - known.readMs < 4 * settings.configLifetimeMs)\n          return',
    seeds: 1_000,
  },
  {
    name: 'a late release removes what stands in its place',
    file: lease,
    find: 'const isInTime = (): boolean => clock.now() + settings.clockToleranceMs < untilMs;',
    replace: 'const isInTime = (): boolean => true;',
    seeds: 2_000,
  },
  {
    name: 'leases that ran out are not swept',
    file: sweepLeases,
    find: 'lease.untilMs > ports.clock.now()',
    replace: 'lease.untilMs > 0',
    seeds: 50,
  },
  {
    name: 'a gap stays although its version stands at the destination',
    file: 'lib/app/stands-at-destination.ts',
    find: 'if (!newest.has(found.of)) newest.set(found.of, { replica: found, entry });',
    replace: '',
    leases: 'flaky',
    seeds: 1_000,
  },
  {
    name: 'a gap that can be filled by now stays',
    file: settleGaps,
    find: 'if (due.length > 0) await fillGaps(ports, source, key, due, run);',
    replace: '',
    seeds: 1_000,
  },
  {
    name: 'other bytes of the same number are a replica',
    file: provenance,
    find: 'if (isCompared && contentMark(head.crc64, ports.digests.sha256) !== content)',
    replace: 'if (false)',
    seeds: 1_000,
  },
  {
    name: 'a HEAD that is refused for good holds up its key',
    file: readableHead,
    find: "if (asReplicationError(thrown).effect === 'gap') return 'unreadable';",
    replace: '',
    seeds: 300,
  },
  {
    name: 'a removal names all attempts of a gap alike',
    file: backlogNames,
    find: 'return `${subjectPrefix(entry, keyDigest)}${attempt}${ending}`;',
    replace: "return `${subjectPrefix(entry, keyDigest)}${entry.retryable ? attempt : '0-n'}${ending}`;",
    leases: 'off',
    seeds: 1_000,
  },
  {
    name: 'an older one is put on top of what cannot follow it',
    file: applyPlan,
    find: 'if (place < plan.refills) await assertHeadFollows();',
    replace: '',
    seeds: 1_000,
  },
  {
    name: 'what is archived by now is in the way, although its replica is not',
    file: plan,
    find: 'return both ? { ...step, replica: headEntry } : step;',
    replace: 'return step;',
    seeds: 1_000,
  },
  {
    name: 'uploads take no time',
    file: 'lib/app/settings.ts',
    find: 'planAgeMaxMs + longestUploadMs;',
    replace: 'planAgeMaxMs;',
    seeds: 1_000,
  },
  {
    name: 'a listing is believed that lacks what has an old time',
    file: look,
    find: "if (id !== undefined && id !== 'null') return",
    replace: "if (id !== undefined && id !== 'null') return current.lastModifiedMs < believedBeforeMs ||",
    seeds: 3_000,
  },
  {
    name: 'a rule covers what another one has taken as well',
    file: coverage,
    find: 'const isTaken = takenAt.longest(prefix).length > 0;',
    replace: 'const isTaken = false;',
    seeds: 300,
  },
  {
    name: 'who takes keys over covers them from now',
    file: coverage,
    find: "other.status === 'Enabled' && areRivals(settings, other))",
    replace:
      "other.status === 'Enabled' && areRivals(settings, other) && other.priority === settings.priority)",
    seeds: 300,
  },
  {
    name: 'the backlog of a rule that goes, goes with it',
    file: 'lib/app/close-backlogs.ts',
    find: "rules.some((other) => other.status === 'Enabled' && other.id !== rule.id);",
    replace: 'rules.length < 0;',
    seeds: 3_000,
  },
  {
    name: 'what was left out is not asked for again',
    file: applyPlan,
    find: 'if (!isAskedFor(step, request, source) && ports',
    replace: 'void isAskedFor; if (ports',
    seeds: 1_000,
  },
];
