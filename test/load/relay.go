package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"bestow.dev/internal/plugout"
)

// box is an open message box and the agent that opened it.
type box struct {
	path    string // of the box's URL
	id      string
	session string
}

func (b box) header() map[string]string {
	return map[string]string{"Authorization": "Bearer " + b.session, "Content-Type": plugout.MediaTypeJOSE}
}

func apiHeader() map[string]string {
	return map[string]string{
		"X-Api-Key":    base64.StdEncoding.EncodeToString([]byte(clientID + ":" + relayKey)),
		"Content-Type": "application/json",
	}
}

// perBox is how many commands may wait in one box.
const perBox = 30

// relay measures a command's whole way: posted, fetched, answered. Answers carry the
// message's id and nonce, so they are signed between the last two, beside the clock.
func (b *bench) relay(context.Context) error {
	boxes, err := b.openBoxes(*callers)
	if err != nil {
		return err
	}
	var whole, posted, fetched, answered []spent
	n := 0
	for range *rounds {
		var post, fetch, answer spent
		n = 0
		for n < *perRound {
			p, f, a, err := b.commands(boxes)
			if err != nil {
				return err
			}
			post, fetch, answer = post.plus(p), fetch.plus(f), answer.plus(a)
			n += len(boxes) * perBox
		}
		posted, fetched, answered = append(posted, post), append(fetched, fetch), append(answered, answer)
		whole = append(whole, post.plus(fetch).plus(answer))
	}
	report("command posted, fetched and answered (ES256, durable)", n, whole)
	report("  posted", n, posted)
	report("  fetched", n, fetched)
	report("  answered", n, answered)
	return nil
}

// commands plays one command for each free place in the boxes.
func (b *bench) commands(boxes []box) (post, fetch, answer spent, err error) {
	posts := make([][]*call, len(boxes))
	for i, x := range boxes {
		for range perBox {
			body := jsonBody(map[string]any{
				"commandHeader": map[string]any{"lifespan": 600, "timeout": 600, "to": []string{x.id}},
				"pingCommand":   map[string]any{"deviceinfo": "true"},
			})
			posts[i] = append(posts[i], &call{request: prepare("POST", b.host, "/hermod/rest/command/ping", apiHeader(), body), want: http.StatusOK})
		}
	}
	if post, err = play(b.address, b.tls, posts); err != nil {
		return post, fetch, answer, fmt.Errorf("post: %w", err)
	}

	fetches := make([][]*call, len(boxes))
	for i, x := range boxes {
		receipts, err := answers[receipt](posts[i])
		if err != nil {
			return post, fetch, answer, err
		}
		for _, r := range receipts {
			fetches[i] = append(fetches[i], &call{request: prepare("GET", b.host, x.path+"/"+r.Destinations[0].MID, x.header(), nil), want: http.StatusOK})
		}
	}
	if fetch, err = play(b.address, b.tls, fetches); err != nil {
		return post, fetch, answer, fmt.Errorf("fetch: %w", err)
	}

	replies := make([][]*call, len(boxes))
	for i, x := range boxes {
		if replies[i], err = b.replies(x, fetches[i]); err != nil {
			return post, fetch, answer, err
		}
	}
	if answer, err = play(b.address, b.tls, replies); err != nil {
		return post, fetch, answer, fmt.Errorf("answer: %w", err)
	}
	return post, fetch, answer, nil
}

type receipt struct {
	CommandID    string
	Destinations []struct{ BID, MID, URI string }
}

// replies signs the answers to the messages that were fetched.
func (b *bench) replies(x box, fetched []*call) ([]*call, error) {
	messages, err := answers[plugout.CommandMessage](fetched)
	if err != nil {
		return nil, err
	}
	var calls []*call
	for _, m := range messages {
		payload := jsonBody(plugout.Answer{
			Version: plugout.Version, MessageID: m.MessageID, Nonce: m.Nonce, IssuedAt: time.Now().Unix(),
			Status: plugout.StatusOK, Response: json.RawMessage(`{"deviceinfo":{"operatingsystem":"load","osversion":"1","appversion":"1"}}`),
		})
		jws, err := b.signer.Sign(payload)
		if err != nil {
			return nil, err
		}
		calls = append(calls, &call{request: prepare("POST", b.host, x.path+"/"+m.MessageID, x.header(), jws), want: http.StatusAccepted})
	}
	return calls, nil
}

// openBoxes starts n sessions and opens them as agents do.
func (b *bench) openBoxes(n int) ([]box, error) {
	boxes := make([]box, n)
	starts := make([]*call, n)
	for i := range starts {
		body := jsonBody(map[string]any{
			"commandHeader":       map[string]any{"lifespan": 3600, "timeout": 600},
			"sessionStartCommand": map[string]any{"userid": fmt.Sprintf("agent-%d", i)},
		})
		starts[i] = &call{request: prepare("POST", b.host, "/hermod/rest/command/sessionstart", apiHeader(), body), want: http.StatusOK}
	}
	if _, err := play(b.address, b.tls, deal(*callers, starts)); err != nil {
		return nil, err
	}
	receipts, err := answers[receipt](starts)
	if err != nil {
		return nil, err
	}
	opens := make([]*call, n)
	for i, r := range receipts {
		link, err := plugout.ParseLink(r.Destinations[0].URI)
		if err != nil {
			return nil, err
		}
		_, path, _ := strings.Cut(strings.TrimPrefix(link.BoxURL, "https://"), "/")
		boxes[i] = box{path: "/" + path, id: link.BoxID()}
		body := jsonBody(plugout.SessionRequest{Token: link.Token, Client: plugout.Client{App: "load", Version: "1", OS: "none"}})
		opens[i] = &call{request: prepare("POST", b.host, boxes[i].path+"/session", map[string]string{"Content-Type": "application/json"}, body), want: http.StatusCreated}
	}
	if _, err := play(b.address, b.tls, deal(*callers, opens)); err != nil {
		return nil, err
	}
	return boxes, b.answerStarts(boxes, opens)
}

// answerStarts answers the session starts, so that other commands are shown.
func (b *bench) answerStarts(boxes []box, opens []*call) error {
	sessions, err := answers[plugout.SessionResponse](opens)
	if err != nil {
		return err
	}
	var fetches, replies []*call
	for i, s := range sessions {
		boxes[i].session = s.Session
		fetches = append(fetches, &call{request: prepare("GET", b.host, boxes[i].path+"/"+s.Messages[0].MessageID, boxes[i].header(), nil), want: http.StatusOK})
	}
	if _, err := play(b.address, b.tls, deal(*callers, fetches)); err != nil {
		return err
	}
	for i, x := range boxes {
		reply, err := b.replies(x, fetches[i:i+1])
		if err != nil {
			return err
		}
		replies = append(replies, reply...)
	}
	_, err = play(b.address, b.tls, deal(*callers, replies))
	return err
}
