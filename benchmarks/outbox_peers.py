"""The peers of ``outbox_throughput.py``, run in a virtual environment of their own: mails are queued first, then sent.

    python outbox_peers.py post_office PORT COUNT FOLDER     prints messages per second
    python outbox_peers.py celery PORT COUNT FOLDER          the same

Both lose or double mails in a crash, and Celery keeps nothing of what became of them: these are the figures of how they come.
``BROKER_URL`` names a Redis; without it files are Celery's broker.
"""

import os
import smtplib
import subprocess
import sys
import time
from email.message import EmailMessage
from pathlib import Path

SENDER, RECIPIENT = "desk@example.test", "bob@example.test"
TEXT = "A line of text of a mail.\n" * 75
PROCESSES = 2


def post_office(port: int, count: int, folder: Path) -> float:
    """Queue mails in the database, and send them as the command ``send_queued_mail`` does."""
    import django  # noqa: PLC0415 - each peer needs its own
    from django.conf import settings  # noqa: PLC0415 - each peer needs its own

    settings.configure(
        INSTALLED_APPS=["django.contrib.contenttypes", "post_office"],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": folder / "post_office.db"}},
        TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates"}],
        EMAIL_BACKEND="post_office.EmailBackend",
        EMAIL_HOST="127.0.0.1",
        EMAIL_PORT=port,
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        SECRET_KEY="none",
        USE_TZ=True,
    )
    django.setup()
    from django.core.management import call_command  # noqa: PLC0415 - each peer needs its own
    from post_office import mail  # noqa: PLC0415 - each peer needs its own

    call_command("migrate", verbosity=0)
    for number in range(count):
        mail.send(RECIPIENT, SENDER, subject=f"Mail {number}", message=TEXT)
    started, sent = time.perf_counter(), 0
    while sent < count:
        sent += mail.send_queued(processes=1)[0]
    return count / (time.perf_counter() - started)


def celery_app():
    """Return an application with one task, a mail by smtplib as people write it, and that task."""
    from celery import Celery  # noqa: PLC0415 - each peer needs its own

    folder = Path(os.environ["PEER_FOLDER"])
    app = Celery("outbox_peers", broker=os.environ.get("BROKER_URL", "filesystem://"))
    app.conf.update(task_ignore_result=True, broker_connection_retry_on_startup=True)
    if not os.environ.get("BROKER_URL"):
        (folder / "queue").mkdir(exist_ok=True)
        (folder / "control").mkdir(exist_ok=True)
        app.conf.broker_transport_options = {
            "data_folder_in": str(folder / "queue"),
            "data_folder_out": str(folder / "queue"),
            "control_folder": str(folder / "control"),
        }

    @app.task(name="send")
    def send(number):
        started = time.time()
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = SENDER, RECIPIENT, f"Mail {number}"
        message.set_content(TEXT)
        with smtplib.SMTP("127.0.0.1", int(os.environ["PEER_PORT"])) as server:
            server.send_message(message)
        with (folder / "times").open("a") as times:
            times.write(f"{started} {time.time()}\n")

    return app, send


if "PEER_FOLDER" in os.environ:
    app, send = celery_app()


def celery(port: int, count: int, folder: Path) -> float:
    """Queue tasks, let a worker with two processes run them; count from the first start to the last end."""
    os.environ |= {"PEER_FOLDER": str(folder), "PEER_PORT": str(port), "PYTHONPATH": str(Path(__file__).parent)}
    _, task = celery_app()
    for number in range(count):
        task.delay(number)
    command = [sys.executable, "-m", "celery", "-A", "outbox_peers:app", "worker", f"--concurrency={PROCESSES}", "-l", "ERROR"]
    worker = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL)
    times = folder / "times"
    while not times.exists() or len(lines := times.read_text().splitlines()) < count:
        time.sleep(0.5)
    worker.terminate()
    worker.wait()
    moments = [line.split() for line in lines]
    return count / (max(float(end) for _, end in moments) - min(float(start) for start, _ in moments))


if __name__ == "__main__":
    peer = {"post_office": post_office, "celery": celery}[sys.argv[1]]
    print(peer(int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4])))
