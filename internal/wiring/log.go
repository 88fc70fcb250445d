package wiring

import (
	"io"
	"log/slog"

	"bestow.dev/internal/config"
)

// NewLog returns the program's logger. The configuration was checked, so an unknown
// level cannot occur.
func NewLog(w io.Writer, c config.Log) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(c.Level)) // checked when it was loaded
	options := &slog.HandlerOptions{Level: level}
	if c.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}
