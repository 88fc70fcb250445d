package demo

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"
)

// outcome is what a callback says of a command.
type outcome struct {
	CommandID string `json:"commandId"`
	State     string `json:"state"`
	Status    string `json:"status"`
	Signature struct {
		State string `json:"state"`
	} `json:"signature"`
	Error struct {
		Message string `json:"message"`
	} `json:"error"`
	Created struct {
		Credential json.RawMessage `json:"credential"`
	} `json:"fidoCreateCredentialResponse"`
	Started struct {
		App     string `json:"app"`
		Version string `json:"version"`
		OS      string `json:"os"`
	} `json:"sessionStartResponse"`
}

// receiver is where the relay calls the identity manager back.
type receiver struct {
	server   *http.Server
	url      string
	outcomes chan outcome
}

const maxCallbackBytes = 1 << 20

// listenForCallbacks opens a receiver on a free loopback port. Callbacks need the
// given user and password.
func listenForCallbacks(user, password string) (*receiver, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &receiver{url: "http://" + l.Addr().String() + "/identity-manager", outcomes: make(chan outcome, 16)}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /identity-manager/callback/alive", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusOK)
	})
	mux.HandleFunc("POST /identity-manager/callback/{name}", func(w http.ResponseWriter, req *http.Request) {
		u, p, _ := req.BasicAuth()
		right := subtle.ConstantTimeCompare([]byte(u+":"+p), []byte(user+":"+password)) == 1
		if !right {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		var o outcome
		if err := json.NewDecoder(http.MaxBytesReader(w, req.Body, maxCallbackBytes)).Decode(&o); err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		select {
		case r.outcomes <- o:
			w.WriteHeader(http.StatusOK)
		default:
			w.WriteHeader(http.StatusServiceUnavailable) // nobody waits for that many
		}
	})
	r.server = &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = r.server.Serve(l) }() // ends with close
	return r, nil
}

func (r *receiver) close() { _ = r.server.Close() }

// wait returns the outcome of the command. It ends early if the agent ends, because
// then nobody will answer.
func (r *receiver) wait(ctx context.Context, commandID string, agentEnded <-chan error) (outcome, error) {
	for {
		select {
		case o := <-r.outcomes:
			if o.CommandID != commandID {
				continue
			}
			if o.Status != "OK" {
				return o, fmt.Errorf("the command ended as %s: %s", o.Status, strings.TrimSpace(o.Error.Message))
			}
			return o, nil
		case err := <-agentEnded:
			return outcome{}, errors.Join(errors.New("the desktop agent ended before it had answered"), err)
		case <-ctx.Done():
			return outcome{}, context.Cause(ctx)
		}
	}
}
