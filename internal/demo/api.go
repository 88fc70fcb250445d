package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// The documents of our own API, as far as the story needs them.

type user struct {
	ID          string `json:"id,omitempty"`
	Name        string `json:"name"`
	DisplayName string `json:"displayName"`
}

type run struct {
	ID         string                     `json:"id"`
	Definition string                     `json:"definition"`
	Version    int                        `json:"version"`
	Status     string                     `json:"status"`
	CalledBy   string                     `json:"calledBy"`
	Message    string                     `json:"message"`
	Variables  map[string]json.RawMessage `json:"variables"`
}

type entry struct {
	Time    time.Time `json:"time"`
	Kind    string    `json:"kind"`
	Element string    `json:"element"`
	Text    string    `json:"text"`
	Actor   string    `json:"actor"`
}

type userTask struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

type boundCredential struct {
	AAGUID      string `json:"aaguid"`
	Attestation struct {
		Format string `json:"format"`
		Type   string `json:"type"`
	} `json:"attestation"`
	ProvisionedBy string `json:"provisionedBy"`
}

type authentication struct {
	ID        string          `json:"id"`
	PublicKey json.RawMessage `json:"publicKey"`
}

type signIn struct {
	User struct {
		Name string `json:"name"`
	} `json:"user"`
	UserVerified bool `json:"userVerified"`
	Credential   struct {
		SignCount uint32 `json:"signCount"`
	} `json:"credential"`
}

type event struct {
	Seq    int64  `json:"seq"`
	Action string `json:"action"`
	Actor  struct {
		Kind string `json:"kind"`
		ID   string `json:"id"`
	} `json:"actor"`
	Via     string `json:"via"`
	Outcome string `json:"outcome"`
}

// deploy puts a definition in force. A warning is an error here: what it names has to be
// there.
func (c *client) deploy(ctx context.Context, xml []byte) error {
	var made struct {
		Warnings []struct {
			Problem string `json:"problem"`
		} `json:"warnings"`
	}
	if err := c.call(ctx, request{
		method: http.MethodPost, path: apiRoot + "/process-definitions", body: xml, want: http.StatusOK, out: &made,
	}); err != nil {
		return err
	}
	if len(made.Warnings) > 0 {
		return fmt.Errorf("the definition lacks something: %s", made.Warnings[0].Problem)
	}
	return nil
}

// start begins a run. Asked again with the same key it gives the same run.
func (c *client) start(ctx context.Context, key, definition, userName string) (r run, err error) {
	err = c.call(ctx, request{
		method: http.MethodPost, path: apiRoot + "/process-runs", header: http.Header{"Idempotency-Key": {key}},
		body: map[string]any{"definition": definition, "user": map[string]string{"name": userName}},
		want: http.StatusCreated, out: &r,
	})
	return r, err
}

// pause is between two looks at something of which nothing wakes an API client.
const pause = 50 * time.Millisecond

// taskOf returns the first thing that is asked of a user, once there is one.
func (c *client) taskOf(ctx context.Context, userID string) (userTask, error) {
	for {
		open, err := items[userTask](ctx, c, "/user-tasks", url.Values{"user": {userID}})
		if err != nil || len(open) > 0 {
			return first(open), err
		}
		select {
		case <-ctx.Done():
			return userTask{}, context.Cause(ctx)
		case <-time.After(pause):
		}
	}
}

func first[T any](all []T) (one T) {
	if len(all) > 0 {
		one = all[0]
	}
	return one
}

// calledBy returns the run that another one called.
func (c *client) calledBy(ctx context.Context, caller string) (run, error) {
	all, err := items[run](ctx, c, "/process-runs", nil)
	if err != nil {
		return run{}, err
	}
	for _, r := range all {
		if r.CalledBy == caller {
			err := c.get(ctx, "/process-runs/"+url.PathEscape(r.ID), &r) // with its variables
			return r, err
		}
	}
	return run{}, fmt.Errorf("run %s called none", caller)
}

func (c *client) timelineOf(ctx context.Context, id string) ([]entry, error) {
	return items[entry](ctx, c, "/process-runs/"+url.PathEscape(id)+"/timeline", nil)
}
