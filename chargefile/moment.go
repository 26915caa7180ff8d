package chargefile

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	// Time zones are known also where the system has no list of them.
	_ "time/tzdata"
)

var (
	// yearFirst is a date with an optional time of day and offset, as
	// spreadsheets and bills write them.
	yearFirst = regexp.MustCompile(`^(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?(?:[T ]+(\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?)? ?(Z|[+-]\d{2}:?\d{2})?$`)
	// dayFirst is the same with a day before; with dots nobody means a month.
	dayFirst = regexp.MustCompile(`^(\d{1,2})\.(\d{1,2})\.(\d{4})((?:[T ]+\d{1,2}:\d{2}.*)?)$`)
	// digits14 is a time without separators.
	digits14 = regexp.MustCompile(`^(\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})$`)
	offset   = regexp.MustCompile(`^([+-])(\d{2}):?(\d{2})$`)
)

// ParseZone reads a time zone: an IANA name such as Asia/Shanghai, or ±hh:mm.
func ParseZone(text string) (*time.Location, error) {
	if parts := offset.FindStringSubmatch(text); parts != nil {
		hours, _ := strconv.Atoi(parts[2])
		minutes, _ := strconv.Atoi(parts[3])
		if hours > 14 || minutes > 59 {
			return nil, fmt.Errorf("there is no time zone %s", text)
		}
		seconds := (hours*60 + minutes) * 60
		if parts[1] == "-" {
			seconds = -seconds
		}
		return time.FixedZone(text, seconds), nil
	}
	if text == "" || text == "Local" {
		return nil, errors.New("a time zone is a name such as Asia/Shanghai, or an offset such as +08:00")
	}
	zone, err := time.LoadLocation(text)
	if err != nil {
		return nil, fmt.Errorf("there is no time zone %q (hint: a name such as Asia/Shanghai, or an offset such as +08:00)", text)
	}
	return zone, nil
}

// moment reads a time as files have it and returns it in RFC 3339. What could
// be read in two ways is refused.
func moment(text string, zone *time.Location) (string, error) {
	if _, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return text, nil
	}
	plain := strings.ReplaceAll(text, "：", ":")
	if parts := digits14.FindStringSubmatch(plain); parts != nil {
		plain = parts[1] + "-" + parts[2] + "-" + parts[3] + " " + parts[4] + ":" + parts[5] + ":" + parts[6]
	}
	if parts := dayFirst.FindStringSubmatch(plain); parts != nil {
		plain = parts[3] + "-" + parts[2] + "-" + parts[1] + parts[4]
	}
	parts := yearFirst.FindStringSubmatch(plain)
	if parts == nil {
		return "", fmt.Errorf("%q can't be read as a time without guessing (hint: write 2026-11-22T10:00:00+08:00, or 2026-11-22 10:00:00)", text)
	}
	if parts[7] != "" {
		var err error
		if zone, err = ParseZone(strings.Replace(parts[7], "Z", "+00:00", 1)); err != nil {
			return "", err
		}
	}
	if zone == nil {
		return "", fmt.Errorf("%q does not say its time zone (hint: name that of the file's times, such as --time-zone Asia/Shanghai)", text)
	}
	var numbers [6]int
	for n := range numbers {
		numbers[n], _ = strconv.Atoi(parts[n+1]) // "" is 0
	}
	t := time.Date(numbers[0], time.Month(numbers[1]), numbers[2], numbers[3], numbers[4], numbers[5], 0, zone)
	// time.Date normalizes what there is not: a 31st of November, or an hour
	// that was left out when summer time began.
	if t.Month() != time.Month(numbers[1]) || t.Day() != numbers[2] || t.Hour() != numbers[3] || t.Minute() != numbers[4] || t.Second() != numbers[5] {
		return "", fmt.Errorf("%q is a time that there is not", text)
	}
	return rfc3339(t), nil
}
