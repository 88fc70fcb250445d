package webhook

import "time"

// State is where a delivery stands.
type State string

// The states of a delivery.
const (
	Pending   State = "pending"
	Delivered State = "delivered"
	Failed    State = "failed" // given up; it can be sent again
)

// Delivery is one event for one endpoint.
type Delivery struct {
	Endpoint string // id
	ID       string // the event's
	Type     string
	State    State
	Attempts int       // tries that ended
	Due      time.Time // of the next try; zero unless pending
	Status   int       // HTTP status of the last answer; zero for none
	Problem  string    // why there was no answer: a few words, nothing of the receiver's
	Created  time.Time // when it happened
	Ended    time.Time // when it was delivered or given up; zero before
	Body     []byte    // what is sent; nil in lists
}

// Keep is how long deliveries are kept after the event, whatever became of them.
const Keep = 7 * 24 * time.Hour

// delays are the times between the tries of a delivery.
var delays = []time.Duration{
	5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute,
	time.Hour, 6 * time.Hour, 12 * time.Hour, 24 * time.Hour,
}

// nextTry returns when a delivery is tried again whose tries have failed so many times; ok
// is false if it is given up.
func nextTry(failed int, now time.Time) (_ time.Time, ok bool) {
	if failed > len(delays) {
		return time.Time{}, false
	}
	return now.Add(delays[failed-1]), true
}
