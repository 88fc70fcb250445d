// Package tenant knows who Bestow serves: tenants, their relying parties, the API
// clients that may call for them and the rights each client holds.
package tenant
