package merchant

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Dialect is what a dialect says of itself. The registry hands the descriptions
// to whoever makes, checks or shows what belongs to a dialect, so that nothing
// outside of its folder goes by its name.
type Dialect struct {
	// Name is lower-case letters, as rows, addresses and settings carry it.
	Name string
	// EveryMerchant says that each merchant is known in the dialect, asked for or
	// not.
	EveryMerchant bool
	// Settings describe a merchant's identity: what it is called (Fixed), its
	// settings and its secrets. Outside they are written NAME.setting.
	Settings []Setting
	// Moved are settings that identities had in earlier versions. Their values are
	// moved by the service's start, and refused where they are given by their old
	// names.
	Moved []MovedSetting
	// Check reads an identity, of which some is new, with the parser that will use
	// it, and looks at what Settings can't see: whether values fit together and are
	// good at a time. The error begins with the name of the setting at fault; nil is
	// no check.
	Check func(i Identity, fresh Given, at time.Time) error
	// Derive adds to changed settings what follows from them; nil adds nothing.
	Derive func(changed map[string]string)
	// CheckMerchant is the same as Check for what a merchant's settings hold for the
	// dialect; nil is no check.
	CheckMerchant func(s Settings) error
	// Make makes the identities of a new merchant of what is given, and makes up
	// the rest. It sets Name, Sub, and what is no plain copy of a given value in
	// Public and Secrets; nil is a dialect without identities.
	Make func(Request) ([]Identity, error)
	// HandedOver are secrets that Make makes for the merchant alone, which are not
	// kept here.
	HandedOver []string
	// Document is what a client is configured with, as a JSON object: the
	// identities and the text of the first key.
	Document func(identities []Identity, key string) any
	// Charges says how charges are named; nil is a dialect without identities,
	// whose charges have no names of their own.
	Charges *ChargeNames
	// Keys describes the API keys; nil where callers have none.
	Keys *KeyForm
	// Events are the types that an endpoint may name, Promised those that it is
	// notified of when it names none.
	Events, Promised []string
	// EndpointSecret says that each endpoint has a secret of its own.
	EndpointSecret bool
	// Verification is how receivers check signatures with a key of the service;
	// nil where there is none.
	Verification *Verification
	// Platform are the key pairs of the service itself that the dialect uses.
	Platform []PlatformForm
	// Demo is the demo merchant as the dialect's published pages have it; nil
	// where they have none.
	Demo *DemoForm
}

// Request asks a dialect to make the identities of a merchant.
type Request struct {
	Merchant Merchant
	Given
	// Kept are the merchant's identities in the dialect that are there already, which
	// stay as they are: their key pairs are taken instead of new ones.
	Kept []Identity
	Now  time.Time
}

// Given are settings and secrets of one dialect that exist already, by the names
// of its Settings.
type Given struct{ Settings, Secrets map[string]string }

// ChargeNames says how a dialect names charges.
type ChargeNames struct {
	// Identity, Charge and Sub are what the contract calls whose charge it is
	// (app, mchid), its name (charge, out_trade_no) and what goes with that (order,
	// sub_mchid); Sub is "" where nothing does.
	Identity, Charge, Sub string
	// SubOfIdentity says that Sub belongs to the identity, as a service provider
	// acts for sub-merchants; an identity without one has no such charges. Else it
	// is the charge's alone.
	SubOfIdentity bool
	// MakeUp returns the name of a charge that was registered without one here.
	// The same charge gets the same name.
	MakeUp func(i Identity, c NewCharge) string
}

// NewCharge is what a charge's name can be made of.
type NewCharge struct {
	// Tail is the charge's id behind its prefix: 24 digits and letters.
	Tail    string
	OrderNo string
	PaidAt  time.Time
}

// KeyForm describes the API keys of a dialect.
type KeyForm struct {
	// Setting is the secret among the dialect's Settings by which a key that
	// exists already is given.
	Setting string
	// Text makes the text of a key.
	Text func(mode Mode) string
	// CheckMode refuses a text that is no key of a mode; nil takes any.
	CheckMode func(text string, mode Mode) error
	// EveryScope says that a key may have all scopes; else it has those of
	// refunds and reading, and of charges in test mode.
	EveryScope bool
	// Settings are those of a key of its own.
	Settings []Setting
	// Fill adds what a new key has besides its text, given some of Settings; nil
	// adds nothing.
	Fill func(k *Key, given map[string]string)
}

// Verification is how receivers of a dialect's notifications check signatures.
type Verification struct {
	// Purpose is that of the platform key that signs.
	Purpose string
	// Scheme names the signature, such as rsa-sha256.
	Scheme string
	// PublicText is a key's public half as receivers are given it.
	PublicText func(PlatformKey) (string, error)
}

// PlatformForm describes a kind of key pair of the service itself.
type PlatformForm struct {
	// Kind is what commands call it, Purpose what rows do.
	Kind, Purpose string
	// EachIdentity says that every identity has its own, which Dialect.Make made
	// first; else the service has one.
	EachIdentity bool
	// Make makes a pair that takes the place of another, or the first one of the
	// service for a zero before. shared is a private key (RSA, PKCS#8 PEM) to make
	// it of, "" for a new one.
	Make func(before PlatformKey, shared string, now time.Time) (PlatformKey, error)
	// DemoShares says that the demo merchant's is of the same pair as the service's
	// first, so that one file serves both.
	DemoShares bool
}

// DemoForm is the demo merchant in a dialect.
type DemoForm struct {
	Given
	// WaitSeconds is how long its refunds wait for the channel's word.
	WaitSeconds int
	// Files are written to the demo folder, by name; nil is none.
	Files func(Identity) map[string]string
}

// Dialects are the descriptions of all dialects, in the registry's order.
type Dialects []Dialect

// Find returns the description of a name.
func (all Dialects) Find(name string) (Dialect, bool) {
	at := slices.IndexFunc(all, func(d Dialect) bool { return d.Name == name })
	if at < 0 {
		return Dialect{}, false
	}
	return all[at], true
}

// Names are the dialects' names.
func (all Dialects) Names() []string {
	names := make([]string, len(all))
	for n, d := range all {
		names[n] = d.Name
	}
	return names
}

// Only returns the dialects of some names and those of EveryMerchant.
func (all Dialects) Only(names ...string) (Dialects, error) {
	for _, name := range names {
		if _, ok := all.Find(name); !ok {
			return nil, fmt.Errorf("there is no dialect %q; there are %s", name, strings.Join(all.Names(), ", "))
		}
	}
	return slices.DeleteFunc(slices.Clone(all), func(d Dialect) bool {
		return !d.EveryMerchant && !slices.Contains(names, d.Name)
	}), nil
}

// Setting finds one of the dialect's settings by its name, which may be written
// with the dialect before it: wallet.reply is also reply.
func (d Dialect) Setting(name string) (Setting, bool) {
	for _, written := range []string{name, d.Name + "." + name, strings.TrimPrefix(name, d.Name+".")} {
		if s, ok := FindSetting(d.Settings, written); ok {
			return s, true
		}
	}
	return Setting{}, false
}
