package wiring

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"bestow.dev/internal/outbound"
	"bestow.dev/internal/webhook"
)

// openWebhooks makes what tells an installation's own systems of what happens.
func (a *App) openWebhooks(keys *keyring) error {
	sender, err := outbound.NewWebhooks(outbound.Config{CAFile: a.config.TLS.CAFile, Log: a.log})
	if err != nil {
		return fmt.Errorf("tls.ca-file: %w", err)
	}
	a.Webhooks, err = webhook.New(webhook.Config{
		Store: a.DB.Webhooks(), Sealer: keys, Sender: sender, Wakeups: a.DB.Hub(), Log: a.log,
	})
	return err
}

// watchWebhooks adds the metrics of webhooks. They ask no database.
func (m *metrics) watchWebhooks(service *webhook.Service) {
	for outcome, count := range map[string]func(webhook.Counts) int64{
		"delivered": func(c webhook.Counts) int64 { return c.Delivered },
		"delayed":   func(c webhook.Counts) int64 { return c.Delayed },
		"failed":    func(c webhook.Counts) int64 { return c.Failed },
	} {
		m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name:        "bestow_webhook_tries_total",
			Help:        "Tries of this node to deliver to webhooks: delivered, delayed (to be tried again) or failed for good.",
			ConstLabels: prometheus.Labels{"outcome": outcome},
		}, func() float64 { return float64(count(service.Counts())) }))
	}
}
