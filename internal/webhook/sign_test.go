package webhook_test

import (
	"testing"
	"time"

	"bestow.dev/internal/webhook"
)

// The first signature is the one that libraries of Standard Webhooks are tested with; the
// second was made with openssl.
func TestSign(t *testing.T) {
	const (
		first  = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
		second = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
	)
	at := time.Unix(1614265330, 999)
	body := []byte(`{"test": 2432232314}`)
	for _, tt := range []struct {
		name    string
		secrets []string
		want    string
	}{
		{"one secret", []string{first}, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="},
		{"two", []string{first, second}, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE= v1,78nXHjpFP0tVJQW5D0SBwmVyyW87BV/rL6MgfM/Bw44="},
	} {
		got, err := webhook.Sign("msg_p5jXN8AQM9LWM0D4loKWxJek", at, body, tt.secrets...)
		if err != nil || got != tt.want {
			t.Errorf("%s: got %q, %v; want %q", tt.name, got, err, tt.want)
		}
	}
	for _, bad := range []string{"", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_%%%"} {
		if got, err := webhook.Sign("x", at, body, bad); err == nil || got != "" {
			t.Errorf("%q: got %q, want an error", bad, got)
		}
	}
}
