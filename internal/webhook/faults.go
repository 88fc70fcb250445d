package webhook

import "bestow.dev/internal/fault"

// The refusals of this package. Codes are stable once released. Beside these a call may
// return tenant's authority.denied, the sealer's secrets.* and the store's own faults.
var (
	ErrUnknown         = fault.New(fault.NotFound, "webhook.unknown", "There is no such webhook.")
	ErrInvalid         = fault.New(fault.Invalid, "webhook.invalid", "The webhook is not valid.")
	ErrExists          = fault.New(fault.Conflict, "webhook.exists", "There is a webhook of this name already.")
	ErrTooMany         = fault.New(fault.Conflict, "webhook.too_many", "The tenant has as many webhooks as it may have. Delete one first.")
	ErrChanged         = fault.New(fault.Conflict, "webhook.version", "Somebody else has just changed this webhook. Look at it again.")
	ErrDisabled        = fault.New(fault.Conflict, "webhook.disabled", "The webhook is disabled. Enable it first.")
	ErrDeliveryUnknown = fault.New(fault.NotFound, "webhook.delivery_unknown", "There is no such delivery, or no longer.")

	// ErrClaimLost says that an endpoint is another node's to serve, disabled, or gone.
	ErrClaimLost = fault.New(fault.Conflict, "webhook.claim_lost", "Another node serves this webhook.")
)
