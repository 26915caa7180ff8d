package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/service"
	"github.com/refundry/refundry/store"
)

// platformPurpose is the purpose of a kind of platform keys. They belong to the
// installation, so that no merchant's API key may change them.
func platformPurpose(kind string) string {
	for purpose, named := range service.PlatformKinds() {
		if named == kind {
			return purpose
		}
	}
	return kind
}

// platformRow is a platform key in JSON, without its private half.
type platformRow struct {
	ID       string `json:"id"`
	Kind     string `json:"kind"`
	Merchant string `json:"merchant,omitempty"`
	Identity string `json:"identity,omitempty"`
	// State is made, shown, in_use, replaced or retired.
	State       string     `json:"state"`
	PublicKey   string     `json:"public_key"`
	Certificate string     `json:"certificate,omitempty"`
	Serial      string     `json:"serial,omitempty"`
	PublicKeyID string     `json:"public_key_id,omitempty"`
	CreatedAt   time.Time  `json:"created_at"`
	ActivatesAt *time.Time `json:"activates_at"`
	ExpiresAt   *time.Time `json:"expires_at"`
}

func platformRows(held []service.HeldKey, now time.Time) []platformRow {
	type place struct{ purpose, identity string }
	siblings := make(map[place][]merchant.PlatformKey)
	for _, k := range held {
		at := place{k.Purpose, k.Identity}
		siblings[at] = append(siblings[at], k.PlatformKey)
	}
	kinds := service.PlatformKinds()
	rows := make([]platformRow, len(held))
	for n, k := range held {
		rows[n] = platformRow{
			ID: k.ID, Kind: kinds[k.Purpose], Merchant: k.MerchantID, Identity: k.Identity, State: "made", PublicKey: k.PublicPEM,
			Certificate: k.CertificatePEM, Serial: k.Serial(), PublicKeyID: k.PublicKeyID, CreatedAt: k.CreatedAt,
			ActivatesAt: moment(k.ActivatesAt), ExpiresAt: moment(k.ExpiresAt),
		}
		inUse, _ := merchant.KeyInUse(siblings[place{k.Purpose, k.Identity}], now)
		switch {
		case k.Retired(now):
			rows[n].State = "retired"
		case inUse.ID == k.ID:
			rows[n].State = "in_use"
		case k.Active(now):
			rows[n].State = "replaced"
		case k.Published(now):
			rows[n].State = "shown"
		}
	}
	return rows
}

// moment is a time in JSON, null where there is none.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// listPlatform prints the platform's keys.
func (c *keyList) listPlatform(e *environment, s *store.Store) error {
	if err := c.useMasterKey(e, s); err != nil {
		return err
	}
	now, err := databaseTime(e, s)
	if err != nil {
		return err
	}
	held, err := service.PlatformKeys(e, s)
	if err != nil {
		return err
	}
	list := platformRows(held, now)
	if c.JSON {
		return e.printJSON(list)
	}
	rows := make([][]string, len(list))
	for n, k := range list {
		rows[n] = []string{k.ID, k.Kind, k.Identity, k.State, k.Serial, when(held[n].CreatedAt), when(held[n].ActivatesAt), when(held[n].ExpiresAt)}
	}
	return e.printTable([]string{"ID", "KIND", "IDENTITY", "STATE", "SERIAL", "CREATED", "SIGNS FROM", "RETIRED AT"}, rows)
}

// databaseTime is the time by which the services go.
func databaseTime(e *environment, s *store.Store) (time.Time, error) {
	offset, err := s.ClockOffset(e)
	return time.Now().Add(offset).UTC().Truncate(time.Microsecond), err
}

type keyRotate struct {
	databaseFlags
	dataFlags
	jsonFlag
	Platform         string        `help:"Which keys of the service itself: ${platform_kinds}; docs/operations/key-rotation.md says what each is for." enum:"${platform_kinds}," default:"" placeholder:"KIND"`
	Master           bool          `help:"Replace the master key instead: everything that is sealed is sealed anew, while the service runs."`
	NewMasterKeyFile string        `help:"File with the new master key, base64 of 32 bytes; default one that is made, where the data folder has the old one." type:"path" placeholder:"FILE"`
	Merchant         string        `help:"Only this merchant's keys, by id or name; for wechatpay and wallet. Default all merchants'." placeholder:"MERCHANT"`
	ActivateAfter    time.Duration `help:"How long the new key is only shown, before it signs what names no key." default:"168h" placeholder:"DURATION"`
	RetireAfter      time.Duration `help:"How long after that the old key stays valid; default until --retire." placeholder:"DURATION"`
	Retire           bool          `help:"Make no new key, but end the lives of those that were replaced."`
}

func (c *keyRotate) Run(e *environment) error {
	purpose := platformPurpose(c.Platform)
	switch {
	case (c.Platform != "") == c.Master:
		return usageError{"give either --platform or --master"}
	case c.Master && (c.Merchant != "" || c.Retire || c.RetireAfter != 0):
		return usageError{"--master goes with --new-master-key-file alone"}
	case c.Master:
		return c.rotateMaster(e)
	case c.NewMasterKeyFile != "":
		return usageError{"--new-master-key-file goes with --master"}
	case c.ActivateAfter < 0 || c.RetireAfter < 0:
		return usageError{"--activate-after and --retire-after take no negative time"}
	case c.Retire && c.RetireAfter != 0:
		return usageError{"--retire ends lives now: --retire-after goes with a new key"}
	case c.Merchant != "" && !service.OfIdentities(purpose):
		return usageError{fmt.Sprintf("the %s key is the installation's: --merchant goes with wechatpay and wallet", c.Platform)}
	}
	s, err := c.open(e)
	if err != nil {
		return err
	}
	defer s.Close()
	if err := c.useMasterKey(e, s); err != nil {
		return err
	}
	merchantID := ""
	if c.Merchant != "" {
		m, err := merchantFlags{Merchant: c.Merchant}.find(e, s)
		if err != nil {
			return err
		}
		merchantID = m.ID
	}
	now, err := databaseTime(e, s)
	if err != nil {
		return err
	}
	if c.Retire {
		retired, err := service.RetireReplacedKeys(e, s, commandBy(), purpose, merchantID, now)
		return c.tell(e, retired, err, "%d keys are retired and sign and open nothing any more", len(retired))
	}
	made, err := service.RotatePlatformKeys(e, s, commandBy(), service.Rotation{
		Purpose: purpose, MerchantID: merchantID, ActivateAfter: c.ActivateAfter, RetireAfter: c.RetireAfter,
	}, now)
	signsFrom := now.Add(max(c.ActivateAfter, merchant.PublishAfter))
	return c.tell(e, made, err, "%d keys were made; they are shown from %s on, and sign from %s on", len(made),
		when(now.Add(merchant.PublishAfter)), when(signsFrom))
}

// tell says what was done and prints the ids of the keys.
func (c *keyRotate) tell(e *environment, keys []merchant.PlatformKey, err error, format string, args ...any) error {
	if err != nil {
		return err
	}
	e.say(format, args...)
	ids := make([]string, len(keys))
	for n, k := range keys {
		ids[n] = k.ID
	}
	if c.JSON {
		return e.printJSON(ids)
	}
	_, err = fmt.Fprintln(e.out, strings.Join(ids, "\n"))
	return err
}

type keyExport struct {
	databaseFlags
	dataFlags
	ID string `arg:"" help:"The platform key's id, as key list --platform shows it."`
}

// Run prints the public half: a certificate and a public key as PEM, a
// wallet's as base64.
func (c *keyExport) Run(e *environment) error {
	s, err := c.open(e)
	if err != nil {
		return err
	}
	defer s.Close()
	if err := c.useMasterKey(e, s); err != nil {
		return err
	}
	held, err := service.PlatformKeys(e, s)
	if err != nil {
		return err
	}
	for _, k := range held {
		if k.ID == c.ID {
			_, err := fmt.Fprintln(e.out, strings.TrimSpace(k.CertificatePEM+k.PublicPEM))
			return err
		}
	}
	return errors.New("there is no platform key of this id (hint: refundry key list --platform)")
}

// platformKeyMark begins the ids of platform keys; those of API keys begin
// with key_.
const platformKeyMark = "pk_"

// expirePlatform ends a platform key's life, or takes a new one back.
func (c *keyExpire) expirePlatform(e *environment, s *store.Store) error {
	if err := c.useMasterKey(e, s); err != nil {
		return err
	}
	now, err := databaseTime(e, s)
	if err != nil {
		return err
	}
	if err := service.RetirePlatformKey(e, s, commandBy(), c.ID, now); err != nil {
		return err
	}
	e.say("platform key %s is retired", c.ID)
	return nil
}
