package mds

import (
	"time"

	"bestow.dev/internal/fault"
)

// State is how a source stands.
type State struct {
	Source string
	Kind   string // as [Source.Kind]
	Models int    // how many models the list in force has

	// What follows is of lists of services alone.

	Number     uint64        // of the list in force; zero: there is none
	NextUpdate time.Time     // the day by which its successor appears; zero: unsaid
	Accepted   time.Time     // when it was fetched and verified
	Age        time.Duration // since then; zero: there is none
	Checked    time.Time     // when it was last found to be the current one
	Next       time.Time     // when the next check is due, or the one under way gives up
	Outdated   bool          // its successor is overdue
	Refused    bool          // overdue by more than the source allows, or there is none where one is demanded

	Tries    int     // how often the check has failed since it last succeeded
	Failure  Failure // the last one, while Tries is not zero
	Unusable string  // why what is stored is not in force here, in calm words; empty: it is
	Changes  Changes // what the list in force changed
}

// State returns how each source stands, in the order of the configuration. It asks no
// database.
func (s *Service) State(now time.Time) []State {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]State, 0, len(s.sources))
	for i := range s.sources {
		src := &s.sources[i]
		all = append(all, s.held[src.Name].state(src, now))
	}
	return all
}

func (h *held) state(src *Source, now time.Time) State {
	st := State{Source: src.Name, Kind: src.Kind()}
	if h.list != nil {
		st.Models = len(h.list.Entries)
	}
	if src.Own != nil {
		return st
	}
	r := &h.record
	st.Checked, st.Next, st.Tries, st.Changes = r.Checked, r.Next, r.Tries, h.told
	if r.Tries > 0 {
		st.Failure = r.Failure
	}
	if h.unusable != nil {
		st.Unusable = fault.From(h.unusable).Public
	}
	if h.list == nil {
		st.Refused = src.RefuseOutdated
		return st
	}
	st.Number, st.NextUpdate, st.Accepted = h.list.Number, h.list.NextUpdate, h.list.Accepted
	st.Age = max(now.Sub(h.list.Accepted), 0)
	st.Outdated = h.list.Outdated(now)
	st.Refused = src.RefuseOutdated && st.Outdated && h.list.overdue(now) >= src.Grace
	return st
}
