package config

import (
	"errors"
	"net"
	"net/mail"
	"strings"
)

// Identity opens the door at which relays call back about commands of identity processes.
type Identity struct {
	Tenant               string `koanf:"tenant"`
	Base                 string `koanf:"base"`          // before /callback; empty: /idm-operator/ws/hermod
	CallbackUser         string `koanf:"callback-user"` // who signs in there, by basic authentication
	CallbackPasswordFile string `koanf:"callback-password-file"`

	CallbackPassword string `koanf:"-"` // what the file holds
}

// DefaultIdentityBase is where an identity manager takes callbacks.
const DefaultIdentityBase = "/idm-operator/ws/hermod"

// Mail says how the tasks of processes send mail. Without a server they do not.
type Mail struct {
	Server       string `koanf:"server"` // host:port; empty: no mail
	From         string `koanf:"from"`
	User         string `koanf:"user"` // empty: we do not sign in
	PasswordFile string `koanf:"password-file"`
	ImplicitTLS  bool   `koanf:"implicit-tls"` // TLS from the first byte, as on port 465; otherwise STARTTLS

	Password string `koanf:"-"` // what the file holds
}

// completeIdentity checks the door for callbacks and reads its password.
func (c *Config) completeIdentity(d *Identity, at func(*string)) error {
	if _, err := c.tenantOf(&d.Tenant); err != nil {
		return err
	}
	if d.Base == "" {
		d.Base = DefaultIdentityBase
	}
	if err := checkPrefix(&d.Base); err != nil {
		return errors.New("base: " + err.Error())
	}
	if d.CallbackUser == "" || strings.Contains(d.CallbackUser, ":") {
		return errors.New("callback-user: is missing or holds a colon")
	}
	var err error
	d.CallbackPassword, err = readPassword("callback-password-file", d.CallbackPasswordFile, at)
	return err
}

// completeMail checks how mail is sent and reads the password.
func (c *Config) completeMail(at func(*string)) error {
	m := &c.Mail
	if m.Server == "" {
		if *m != (Mail{}) {
			return errors.New("mail.server: is missing")
		}
		return nil
	}
	if host, _, err := net.SplitHostPort(m.Server); err != nil || host == "" {
		return errors.New("mail.server: want host:port")
	}
	if _, err := mail.ParseAddress(m.From); err != nil {
		return errors.New("mail.from: want an address, such as Identity <identity@example.com>")
	}
	if m.User == "" {
		if m.PasswordFile != "" {
			return errors.New("mail.user: is missing")
		}
		return nil
	}
	var err error
	m.Password, err = readPassword("mail.password-file", m.PasswordFile, at)
	return err
}

// readPassword returns the one line of a file that key names.
func readPassword(key, file string, at func(*string)) (string, error) {
	if file == "" {
		return "", errors.New(key + ": is missing")
	}
	at(&file)
	lines, err := readLines(file)
	if err != nil || len(lines) != 1 {
		return "", errors.New(key + ": want one line")
	}
	return lines[0], nil
}
