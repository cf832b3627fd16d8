"""Events of logs: what begins and ends a step for each builder, and what does not."""

from __future__ import annotations

import io

from stackc.verify.build_log import read_events
from stackc.verify.log_events import Event, Failed, Finished, Installed, StepBegun, StepEnded
from stackc.verify.log_lines import read_lines


def events(text: str) -> list[Event]:
    return list(read_events(read_lines(io.BytesIO(text.encode()))))


def told(text: str) -> list[str]:
    """Return the events of a log, each as a short line."""
    return [_told(event) for event in events(text)]


def _told(event: Event) -> str:
    match event:
        case StepBegun(line, step):
            return f"{line}: {step.dialect} begins {step.scope}#{step.number}/{step.total} {step.command}"
        case StepEnded(line, step, state, seconds):
            return f"{line}: ends {step.scope}#{step.number} {state} {seconds}"
        case Installed(line, step, name, version):
            return f"{line}: {step.scope}#{step.number} installed {name} {version}"
        case Failed(line, text):
            return f"{line}: failed {text}"
        case Finished(line):
            return f"{line}: finished"
        case _:
            return f"{event.line}: {type(event).__name__}"


def test_buildah_s_steps_end_where_the_next_begins() -> None:
    text = """\
STEP 1/2: FROM debian:bookworm
STEP 2/2: RUN pip install six
Successfully installed six-1.16.0
--> 0509f52641d
COMMIT small
--> 34108cb510c
Successfully tagged localhost/small:latest
34108cb510cdab442b92a747074c3e267c6401bfa46dcd72a578116765d22613
"""
    assert told(text) == [
        "1: buildah begins #1/2 FROM debian:bookworm",
        "2: ends #1 done None",
        "2: buildah begins #2/2 RUN pip install six",
        "3: #2 installed six 1.16.0",
        "5: ends #2 done None",
        "7: finished",
    ]


def test_buildah_s_stages_cache_and_failure() -> None:
    text = """\
[1/2] STEP 1/2: FROM debian:bookworm AS build
[1/2] STEP 2/2: RUN true
--> Using cache 0509f52641dc5b361a5626614da4a5ec9c29aac5b3590528d2473ac3255a4420
[2/2] STEP 1/1: RUN false
subprocess exited with status 1
Error: building at STEP "RUN false": exit status 1
"""
    assert told(text) == [
        "1: buildah begins 1/2#1/2 FROM debian:bookworm AS build",
        "2: ends 1/2#1 done None",
        "2: buildah begins 1/2#2/2 RUN true",
        "4: ends 1/2#2 cached None",
        "4: buildah begins 2/2#1/1 RUN false",
        "6: ends 2/2#1 failed None",
        '6: failed Error: building at STEP "RUN false": exit status 1',
    ]


def test_docker_s_classic_steps() -> None:
    text = """\
Sending build context to Docker daemon  41.47kB
Step 1/3 : FROM debian:bookworm
 ---> 5027089adc4c
Step 2/3 : RUN pip install six
 ---> Running in 1f5e1a6bb43a
Successfully installed six-1.16.0
Removing intermediate container 1f5e1a6bb43a
 ---> 8a1f3a2d5f0b
Step 3/3 : CMD ["python"]
 ---> Using cache
 ---> 4f9f3c3c2b1a
Successfully built 4f9f3c3c2b1a
Successfully tagged small:latest
"""
    assert told(text) == [
        "2: docker begins #1/3 FROM debian:bookworm",
        "4: ends #1 done None",
        "4: docker begins #2/3 RUN pip install six",
        "6: #2 installed six 1.16.0",
        "9: ends #2 done None",
        '9: docker begins #3/3 CMD ["python"]',
        "12: ends #3 cached None",
        "12: finished",
    ]


def test_docker_s_classic_failure() -> None:
    text = "Step 1/1 : RUN false\n ---> Running in 1f5e1a6bb43a\nThe command '/bin/sh -c false' returned a non-zero code: 1\n"
    assert told(text) == [
        "1: docker begins #1/1 RUN false",
        "3: ends #1 failed None",
        "3: failed The command '/bin/sh -c false' returned a non-zero code: 1",
    ]


def test_buildkit_s_interleaved_stages() -> None:
    text = """\
#1 [internal] load build definition from Dockerfile
#1 DONE 0.0s

#7 [build 2/3] RUN pip install six
#7 0.911 Collecting six

#8 [stage-1  2/12] RUN pip install idna
#8 0.804 Successfully installed idna-3.10
#8 ...

#7 [build 2/3] RUN pip install six
#7 1.204 Successfully installed six-1.16.0
#7 DONE 1.4s

#8 [stage-1  2/12] RUN pip install idna
#8 DONE 1.9s

#9 [build 3/3] COPY app ./app
#9 CACHED

#10 exporting to image
#10 exporting layers 0.3s done
#10 DONE 0.3s
"""
    assert told(text) == [
        "4: buildkit begins build#2/3 RUN pip install six",
        "7: buildkit begins stage-1#2/12 RUN pip install idna",
        "8: stage-1#2 installed idna 3.10",
        "12: build#2 installed six 1.16.0",
        "13: ends build#2 done 1.4",
        "16: ends stage-1#2 done 1.9",
        "18: buildkit begins build#3/3 COPY app ./app",
        "19: ends build#3 cached None",
        "23: finished",
    ]


def test_buildkit_s_failure_is_told_twice_and_its_repeated_output_once() -> None:
    text = """\
#5 [2/2] RUN pip install six
#5 0.9 Successfully installed six-1.16.0
#5 ERROR: process "/bin/sh -c false" did not complete successfully: exit code: 1

#6 [other 2/2] RUN sleep 9
#6 CANCELED
------
 > [2/2] RUN pip install six:
0.9 Successfully installed six-1.16.0
------
ERROR: failed to solve: process "/bin/sh -c false" did not complete successfully: exit code: 1
"""
    assert told(text) == [
        "1: buildkit begins #2/2 RUN pip install six",
        "2: #2 installed six 1.16.0",
        "3: ends #2 failed None",
        '3: failed ERROR: process "/bin/sh -c false" did not complete successfully: exit code: 1',
        "5: buildkit begins other#2/2 RUN sleep 9",
        "6: ends other#2 canceled None",
        '11: failed ERROR: failed to solve: process "/bin/sh -c false" did not complete successfully: exit code: 1',
    ]


def test_what_a_step_prints_is_no_step_of_another_builder() -> None:
    text = "#5 [1/1] RUN docker build .\n#5 0.1 Step 1/3 : FROM debian\n#5 0.2 STEP 1/3: FROM debian\n#5 DONE 0.3s\n"
    assert told(text) == ["1: buildkit begins #1/1 RUN docker build .", "4: ends #1 done 0.3"]
    text = "STEP 1/1: RUN docker build .\n#1 [1/1] FROM debian\nStep 1/3 : FROM debian\n"
    assert told(text) == ["1: buildah begins #1/1 RUN docker build ."]


def test_moments_of_ci_give_the_times_that_a_builder_does_not_print() -> None:
    text = "2024-05-01T12:00:00.5Z Step 1/2 : FROM x\n2024-05-01T12:00:02.0Z Step 2/2 : RUN y\n"
    assert told(text) == [
        "1: docker begins #1/2 FROM x",
        "2: ends #1 done 1.5",
        "2: docker begins #2/2 RUN y",
    ]


def test_what_is_no_log_of_a_build_has_no_events() -> None:
    assert events("Collecting numpy\nSuccessfully installed numpy-1.26.4\n#include <stdio.h>\n# 5 apples\n") == []
