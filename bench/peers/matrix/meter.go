package main

import (
	"fmt"
	"os"
	"strconv"
	"sync"
	"time"

	"example.org/weir/bench"
	"example.org/weir/bench/peers"
)

// interval is the time between readings.
const interval = 25 * time.Millisecond

// reading is what has been used up to a moment.
type reading struct {
	at       time.Time
	unused   float64 // seconds that the core did nothing, or was not there
	stolen   float64 // seconds of them that it was not there for this machine
	cpu      float64 // seconds of the processes
	resident float64 // bytes of the processes
}

// meter reads, again and again, what processes and a core use.
type meter struct {
	core int
	pids []int

	stop     chan struct{}
	stopped  sync.WaitGroup
	readings []reading // belongs to the goroutine until it has ended
	err      error     // that has ended it early
}

// startMeter begins with a first reading.
func startMeter(core int, pids []int) (*meter, error) {
	m := &meter{core: core, pids: pids, stop: make(chan struct{})}
	first, err := m.read()
	if err != nil {
		return nil, err
	}
	m.readings = []reading{first}
	m.stopped.Go(func() {
		tick := time.NewTicker(interval)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
			case <-m.stop:
				return
			}
			r, err := m.read()
			if err != nil {
				m.err = err
				return
			}
			m.readings = append(m.readings, r)
		}
	})
	return m, nil
}

// end stops the readings, with a last one, and returns them.
func (m *meter) end() ([]reading, error) {
	close(m.stop)
	m.stopped.Wait()
	if m.err != nil {
		return nil, m.err
	}
	r, err := m.read()
	return append(m.readings, r), err
}

func (m *meter) read() (r reading, err error) {
	stat, err := os.ReadFile("/proc/stat")
	if err != nil {
		return r, err
	}
	r.at = time.Now()
	if r.unused, r.stolen, err = peers.CoreTimes(string(stat), "cpu"+strconv.Itoa(m.core)); err != nil {
		return r, err
	}
	for _, pid := range m.pids {
		used, resident, err := bench.ReadProcess(pid)
		if err != nil {
			return r, fmt.Errorf("the server has ended: %w", err)
		}
		r.cpu += used.Seconds()
		r.resident += float64(resident)
	}
	return r, nil
}

// at interpolates the readings.
func at(readings []reading, t time.Time) (reading, error) {
	for i := 1; i < len(readings); i++ {
		a, b := readings[i-1], readings[i]
		if t.Before(a.at) || t.After(b.at) {
			continue
		}
		f := t.Sub(a.at).Seconds() / b.at.Sub(a.at).Seconds()
		between := func(x, y float64) float64 { return x + f*(y-x) }
		return reading{
			at:       t,
			unused:   between(a.unused, b.unused),
			stolen:   between(a.stolen, b.stolen),
			cpu:      between(a.cpu, b.cpu),
			resident: between(a.resident, b.resident),
		}, nil
	}
	return reading{}, fmt.Errorf("there are no readings at %v", t.Format("15:04:05.000"))
}

// standstill is a time without a reading that no load explains: the machine itself, a virtual one, was
// paused, and the pause would count as time that the core was busy.
const standstill = time.Second

// steady returns an error when the machine stood still between two moments.
func steady(readings []reading, from, to time.Time) error {
	for i := 1; i < len(readings); i++ {
		a, b := readings[i-1].at, readings[i].at
		if gap := b.Sub(a); gap >= standstill && a.Before(to) && b.After(from) {
			return fmt.Errorf("the machine stood still for %v", gap.Round(time.Millisecond))
		}
	}
	return nil
}

// usage is what has been used between two moments.
type usage struct {
	seconds float64 // between them
	busy    float64 // seconds that the core was busy
	stolen  float64 // seconds that it was not there
	cpu     float64 // seconds of the processes
	growth  float64 // resident bytes at the second, beyond those of the first reading
}

// used works out what has been used between two moments.
func used(readings []reading, from, to time.Time) (usage, error) {
	a, err := at(readings, from)
	if err != nil {
		return usage{}, err
	}
	b, err := at(readings, to)
	if err != nil {
		return usage{}, err
	}
	seconds := to.Sub(from).Seconds()
	return usage{
		seconds: seconds,
		busy:    max(0, seconds-(b.unused-a.unused)),
		stolen:  b.stolen - a.stolen,
		cpu:     b.cpu - a.cpu,
		growth:  b.resident - readings[0].resident,
	}, nil
}
