package wiring

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"bestow.dev/internal/credential"
	"bestow.dev/internal/process"
	"bestow.dev/internal/tenant"
	"bestow.dev/internal/webhook"
)

// minute is a process with a service task and an end.
const minute = `<?xml version="1.0" encoding="UTF-8"?>
<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:flowable="http://flowable.org/bpmn" targetNamespace="x">
	<process id="minute" name="A minute" isExecutable="true">
		<startEvent id="start"/>
		<sequenceFlow id="f1" sourceRef="start" targetRef="note"/>
		<serviceTask id="note" flowable:delegateExpression="${setVariableTask}">
			<extensionElements>
				<flowable:field name="name"><flowable:string>note</flowable:string></flowable:field>
				<flowable:field name="value"><flowable:string>Mallory Example</flowable:string></flowable:field>
			</extensionElements>
		</serviceTask>
		<sequenceFlow id="f2" sourceRef="note" targetRef="end"/>
		<endEvent id="end"/>
	</process>
</definitions>`

// A server that runs tells of users and of processes, signed for whoever has the secret.
func TestServerTellsWebhooks(t *testing.T) {
	type told struct {
		header http.Header
		body   []byte
	}
	heard := make(chan told, 10)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		heard <- told{r.Header, body}
	}))
	t.Cleanup(receiver.Close)

	s := started(t, configured(t, basics))
	by := tenant.LocalOperator("acme", "root")
	_, secret, err := s.Webhooks.Add(t.Context(), by, webhook.Endpoint{Name: "idm", URL: receiver.URL + "/hook", Events: []string{"*"}})
	check(t, err)
	u, err := s.Credentials.CreateUser(t.Context(), by, credential.NewUser{Name: "mallory", DisplayName: "Mallory Example"})
	check(t, err)
	_, err = s.Processes.Deploy(t.Context(), by, process.Deploy{XML: []byte(minute)})
	check(t, err)
	run, err := s.Processes.Start(t.Context(), by, process.Start{Definition: "minute", Subject: string(u.ID)})
	check(t, err)

	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	check(t, err)
	for _, want := range []string{"user.created", "run.started", "run.ended"} {
		var got told
		select {
		case got = <-heard:
		case <-time.After(time.Minute):
			t.Fatalf("nothing was told of %s", want)
		}
		mac := hmac.New(sha256.New, key)
		io.WriteString(mac, got.header.Get("webhook-id")+"."+got.header.Get("webhook-timestamp")+"."+string(got.body))
		if signature := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)); got.header.Get("webhook-signature") != signature {
			t.Errorf("%s: signature %q, want %q", want, got.header.Get("webhook-signature"), signature)
		}
		var doc struct {
			ID, Type, Tenant string
			Data             struct{ User, Run, Definition, Status string }
		}
		check(t, json.Unmarshal(got.body, &doc))
		if doc.Type != want || doc.Tenant != "acme" || doc.ID != got.header.Get("webhook-id") || doc.Data.User != string(u.ID) ||
			want != "user.created" && (doc.Data.Run != run.ID || doc.Data.Definition != "minute") {
			t.Errorf("want %s of %s and %s, got %s", want, u.ID, run.ID, got.body)
		}
		if strings.Contains(strings.ToLower(string(got.body)), "mallory") {
			t.Errorf("a name is told: %s", got.body)
		}
	}
	// The last answer may still be on its way into the count: what was told is counted by the end.
	check(t, s.Shutdown(t.Context()))
	if got := s.Webhooks.Counts(); got != (webhook.Counts{Delivered: 3}) {
		t.Errorf("counts: %+v", got)
	}
}
