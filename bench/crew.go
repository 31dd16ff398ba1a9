package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"syscall"
	"time"
)

// DialWorkers connects to workers that ServeWorker serves.
func DialWorkers(ctx context.Context, addrs []string, token string) (workers []Worker, err error) {
	defer func() {
		if err != nil {
			for _, w := range workers {
				_ = w.Conn.Close()
			}
		}
	}()
	d := net.Dialer{Timeout: 10 * time.Second}
	for _, a := range addrs {
		conn, err := d.DialContext(ctx, "tcp", a)
		if err != nil {
			return workers, fmt.Errorf("worker %s: %w", a, err)
		}
		workers = append(workers, Worker{Name: a, Conn: conn, Token: token})
	}
	return workers, nil
}

// SpawnWorkers starts n processes that call ServeOrders on their standard input and output. command
// makes their commands. They end when their streams are closed, and when this process ends.
func SpawnWorkers(n int, command func() *exec.Cmd) (workers []Worker, err error) {
	for i := range n {
		p, err := spawn(command())
		if err != nil {
			for _, w := range workers {
				_ = w.Conn.Close()
			}
			return nil, fmt.Errorf("cannot start a worker: %w", err)
		}
		workers = append(workers, Worker{Name: fmt.Sprintf("%d (process %d)", i+1, p.cmd.Process.Pid), Conn: p})
	}
	return workers, nil
}

// process is a worker on this machine, as a stream.
type process struct {
	io.Reader
	io.WriteCloser
	cmd *exec.Cmd
}

func spawn(cmd *exec.Cmd) (*process, error) {
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	// Ctrl-C is for the coordinator, which tells the workers.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &process{Reader: out, WriteCloser: in, cmd: cmd}, nil
}

// Close ends the process: the end of its input tells it. One that does not hear is killed.
func (p *process) Close() error {
	err := p.WriteCloser.Close()
	kill := time.AfterFunc(5*time.Second, func() { _ = p.cmd.Process.Kill() })
	defer kill.Stop()
	return errors.Join(err, p.cmd.Wait())
}
