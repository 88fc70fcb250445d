package metadata_test

import (
	"testing"
	"time"

	"bestow.dev/metadata"
)

func TestSerialNumberSteps(t *testing.T) {
	previous := func(number uint64) func(*draft) {
		return func(d *draft) { d.options.Previous = &metadata.Accepted{Number: number} }
	}
	runCases(t, []verifyCase{
		{"step 6: the next", previous(6), ""},
		{"step 6: after a gap", previous(1), ""},
		{"step 6: the same number, another text", previous(7), metadata.ReasonSerialNumber},
		{"step 6: rolled back", previous(8), metadata.ReasonSerialNumber},
		{"step 6: rolled back from the last number", previous(1<<64 - 1), metadata.ReasonSerialNumber},
	})

	d := newDraft()
	jws := d.text()
	b, err := metadata.VerifyBLOB(jws, d.options)
	if err != nil {
		t.Fatal(err)
	}
	d.options.Previous = b.Accepted()
	if _, err := metadata.VerifyBLOB(jws, d.options); err != nil {
		t.Errorf("the same text again: %v", err)
	}
}

func TestFreshSteps(t *testing.T) {
	due := func(date string) func(*draft) { return func(d *draft) { d.payload["nextUpdate"] = date } }
	strict := func(date string, grace time.Duration) func(*draft) {
		return func(d *draft) {
			d.payload["nextUpdate"] = date
			d.options.RefuseOutdated, d.options.Grace = true, grace
		}
	}
	runCases(t, []verifyCase{
		{"step 3: due today", strict("2026-06-15", 0), ""},
		{"step 3: due yesterday", strict("2026-06-14", 0), metadata.ReasonOutdated},
		{"step 3: due yesterday, within grace", strict("2026-06-14", 12*time.Hour+1), ""},
		{"step 3: due yesterday, grace is over", strict("2026-06-14", 12*time.Hour), metadata.ReasonOutdated},
		{"step 3: due at the beginning of time", strict("0000-01-01", 24*time.Hour), metadata.ReasonOutdated},
		{"step 3: no date, strict", func(d *draft) {
			delete(d.payload, "nextUpdate")
			d.options.RefuseOutdated = true
		}, ""},
		{"step 3: overdue, not strict", due("2020-01-01"), ""},
	})
	d := newDraft()
	due("2026-06-14")(d)
	b, err := d.verify()
	if err != nil || len(b.Findings) != 1 || b.Findings[0].Code != metadata.WarningOutdated || b.Current(now) {
		t.Errorf("overdue: %v, %v", b, err)
	}
}

func TestNextFetch(t *testing.T) {
	day := 24 * time.Hour
	tests := []struct {
		next string
		want time.Time
	}{
		{"2026-07-01", time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC)},
		{"2026-06-16", now.Add(day)}, // begins in less than a day
		{"2026-06-17", time.Date(2026, 6, 17, 0, 0, 0, 0, time.UTC)},
		{"2026-06-01", now.Add(day)},
		{"0000-01-01", now.Add(day)},
		{"2026-07-15", time.Date(2026, 7, 15, 0, 0, 0, 0, time.UTC)},
		{"2026-07-16", now.Add(30 * day)},
		{"9999-12-31", now.Add(30 * day)},
		{"", now.Add(day)},
	}
	for _, tt := range tests {
		d := newDraft()
		d.payload["nextUpdate"] = tt.next
		if tt.next == "" {
			delete(d.payload, "nextUpdate")
		}
		b, err := d.verify()
		if err != nil {
			t.Fatalf("%s: %v", tt.next, err)
		}
		if got := b.NextFetch(now); !got.Equal(tt.want) {
			t.Errorf("next update %q: fetch at %s, want %s", tt.next, got, tt.want)
		}
	}
}
