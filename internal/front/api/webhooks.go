package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"bestow.dev/internal/tenant"
	"bestow.dev/internal/webhook"
)

// Webhook is where events of the tenant are sent.
type Webhook struct {
	Name        string    `json:"name"`
	Description string    `json:"description,omitempty"`
	URL         string    `json:"url"`
	Events      []string  `json:"events" nullable:"false" doc:"Types it is told of: credential.registered, run.*, or *"`
	Disabled    bool      `json:"disabled" doc:"It is told of nothing that happens, and what it was to be told waits"`
	Version     int64     `json:"version"`
	Created     time.Time `json:"created"`
	Changed     time.Time `json:"changed"`
	ChangedBy   string    `json:"changedBy"`
}

func fromWebhook(e *webhook.Endpoint) Webhook {
	return Webhook{
		Name: e.Name, Description: e.Description, URL: e.URL, Events: append([]string{}, e.Events...), Disabled: e.Disabled,
		Version: e.Version, Created: e.Created, Changed: e.Changed, ChangedBy: e.ChangedBy,
	}
}

// freshWebhook is a webhook with its secret.
type freshWebhook struct {
	Webhook
	Secret string `json:"secret" doc:"What its deliveries are signed with; it cannot be had again"`
}

// WebhookDelivery is one event for one webhook.
type WebhookDelivery struct {
	ID       string     `json:"id" doc:"The event's"`
	Type     string     `json:"type"`
	State    string     `json:"state" enum:"pending,delivered,failed"`
	Attempts int        `json:"attempts" doc:"Tries that ended"`
	Due      *time.Time `json:"due,omitempty" doc:"When it is tried next, while it is pending"`
	Status   int        `json:"status,omitempty" doc:"HTTP status of the last answer; left out where there was none"`
	Problem  string     `json:"problem,omitempty" doc:"Why there was none"`
	Created  time.Time  `json:"created"`
	Ended    *time.Time `json:"ended,omitempty"`
}

func fromDelivery(d *webhook.Delivery) WebhookDelivery {
	return WebhookDelivery{
		ID: d.ID, Type: d.Type, State: string(d.State), Attempts: d.Attempts, Due: unlessZero(d.Due), Status: d.Status,
		Problem: d.Problem, Created: d.Created, Ended: unlessZero(d.Ended),
	}
}

// WebhookPath is the path parameter of calls about one webhook.
type WebhookPath struct {
	Name string `path:"name" doc:"The webhook's name"`
}

type newWebhook struct {
	Body struct {
		Name        string   `json:"name" minLength:"1" maxLength:"64" doc:"A-Z a-z 0-9 . _ - ; it never changes"`
		Description string   `json:"description,omitempty" maxLength:"255"`
		URL         string   `json:"url" doc:"https, or http on this machine; without user, query and fragment"`
		Events      []string `json:"events" nullable:"false" minItems:"1" maxItems:"32" doc:"Types it is told of, from when it was added or a second later at the latest: credential.registered, run.*, or *"`
	}
}

type webhookChange struct {
	WebhookPath
	Body struct {
		Description *string  `json:"description,omitempty" maxLength:"255"`
		URL         *string  `json:"url,omitempty"`
		Events      []string `json:"events,omitempty" nullable:"false" maxItems:"32"`
		Disabled    *bool    `json:"disabled,omitempty"`
		Version     int64    `json:"version,omitempty" minimum:"0" doc:"That the change was made for; any, if left out"`
	}
}

type webhookRotation struct {
	WebhookPath
	Body struct {
		OverlapSeconds int `json:"overlapSeconds,omitempty" minimum:"0" maximum:"604800" doc:"How long deliveries are signed with the old secret too; not at all if left out"`
	}
}

type deliveryList struct {
	WebhookPath
	Cursor string `query:"cursor" doc:"The next of the page before; left out for the first"`
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" doc:"Items a page; 100 if left out"`
	State  string `query:"state" enum:"pending,delivered,failed" doc:"All if left out"`
}

// webhookEvent names an event that is to be sent.
type webhookEvent struct {
	ID string `json:"id" doc:"The event's"`
}

type redelivery struct {
	WebhookPath
	Body webhookEvent
}

func (f *front) webhooks() {
	admin := scopes(tenant.ScopeAdmin)
	op := func(id, method, path, summary string) huma.Operation {
		return huma.Operation{OperationID: id, Method: method, Path: path, Tags: inWebhooks, Summary: summary, Security: admin}
	}
	add := op("add-webhook", http.MethodPost, "/webhooks", "Make a webhook, with a secret that is shown once")
	add.DefaultStatus = http.StatusCreated
	test := op("test-webhook", http.MethodPost, "/webhooks/{name}/pings", "Have a webhook sent an event that only tests it")
	again := op("redeliver-webhook", http.MethodPost, "/webhooks/{name}/redeliveries", "Have an event sent to a webhook again")
	test.DefaultStatus, again.DefaultStatus = http.StatusAccepted, http.StatusAccepted
	handle(f, op("list-webhooks", http.MethodGet, "/webhooks", "Webhooks by name"), f.listWebhooks)
	handle(f, add, f.addWebhook)
	handle(f, op("get-webhook", http.MethodGet, "/webhooks/{name}", "One webhook"), f.getWebhook)
	handle(f, op("change-webhook", http.MethodPatch, "/webhooks/{name}", "Change, disable or enable a webhook"), f.changeWebhook)
	handle(f, op("delete-webhook", http.MethodDelete, "/webhooks/{name}", "Delete a webhook, and what it was to be told"), f.deleteWebhook)
	handle(f, op("rotate-webhook-secret", http.MethodPost, "/webhooks/{name}/secrets", "Give a webhook a new secret"), f.rotateWebhook)
	handle(f, test, f.testWebhook)
	handle(f, op("list-webhook-deliveries", http.MethodGet, "/webhooks/{name}/deliveries", "What became of a webhook's events of the last seven days, newest first"), f.listDeliveries)
	handle(f, again, f.redeliver)
}

func (f *front) listWebhooks(ctx context.Context, by tenant.Authority, in *Paging) (*answer[page[Webhook]], error) {
	all, err := f.Webhooks.Endpoints(ctx, by)
	if err != nil {
		return nil, err
	}
	list, err := cut(all, *in, func(e *webhook.Endpoint) string { return e.Name }, fromWebhook)
	return &answer[page[Webhook]]{list}, err
}

func (f *front) addWebhook(ctx context.Context, by tenant.Authority, in *newWebhook) (*created[freshWebhook], error) {
	e, secret, err := f.Webhooks.Add(ctx, by, webhook.Endpoint{
		Name: in.Body.Name, Description: in.Body.Description, URL: in.Body.URL, Events: in.Body.Events,
	})
	if err != nil {
		return nil, err
	}
	return &created[freshWebhook]{Prefix + "/webhooks/" + e.Name, freshWebhook{fromWebhook(e), secret}}, nil
}

func (f *front) getWebhook(ctx context.Context, by tenant.Authority, in *WebhookPath) (*answer[Webhook], error) {
	e, err := f.Webhooks.Endpoint(ctx, by, in.Name)
	if err != nil {
		return nil, err
	}
	return &answer[Webhook]{fromWebhook(e)}, nil
}

func (f *front) changeWebhook(ctx context.Context, by tenant.Authority, in *webhookChange) (*answer[Webhook], error) {
	e, err := f.Webhooks.Change(ctx, by, in.Name, webhook.Change{
		Description: in.Body.Description, URL: in.Body.URL, Events: in.Body.Events, Disabled: in.Body.Disabled, Version: in.Body.Version,
	})
	if err != nil {
		return nil, err
	}
	return &answer[Webhook]{fromWebhook(e)}, nil
}

func (f *front) deleteWebhook(ctx context.Context, by tenant.Authority, in *WebhookPath) (*nothing, error) {
	return &nothing{}, f.Webhooks.Delete(ctx, by, in.Name)
}

func (f *front) rotateWebhook(ctx context.Context, by tenant.Authority, in *webhookRotation) (*answer[freshWebhook], error) {
	e, secret, err := f.Webhooks.Rotate(ctx, by, in.Name, seconds(in.Body.OverlapSeconds))
	if err != nil {
		return nil, err
	}
	return &answer[freshWebhook]{freshWebhook{fromWebhook(e), secret}}, nil
}

func (f *front) testWebhook(ctx context.Context, by tenant.Authority, in *WebhookPath) (*answer[webhookEvent], error) {
	id, err := f.Webhooks.Test(ctx, by, in.Name)
	if err != nil {
		return nil, err
	}
	return &answer[webhookEvent]{webhookEvent{id}}, nil
}

func (f *front) listDeliveries(ctx context.Context, by tenant.Authority, in *deliveryList) (*answer[page[WebhookDelivery]], error) {
	all, next, err := f.Webhooks.Deliveries(ctx, by, in.Name, webhook.List{State: webhook.State(in.State), Before: in.Cursor, Limit: in.Limit})
	if err != nil {
		return nil, err
	}
	return &answer[page[WebhookDelivery]]{pageOf(all, next, fromDelivery)}, nil
}

func (f *front) redeliver(ctx context.Context, by tenant.Authority, in *redelivery) (*answer[webhookEvent], error) {
	if err := f.Webhooks.Redeliver(ctx, by, in.Name, in.Body.ID); err != nil {
		return nil, err
	}
	return &answer[webhookEvent]{in.Body}, nil
}
